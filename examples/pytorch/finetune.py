"""What people make of a base: fine-tunes, one with a frozen backbone, LoRA, rounding.

python examples/pytorch/finetune.py OUT SEEDS  ->  OUT/seed-N/{base,branch}/epoch-N.pt, OUT/seed-N/*.safetensors
"""

import copy
import pathlib
import sys

import networks
import safetensors.torch
import torch
from networks import adam, epoch, sgd
from torch import nn

EPOCHS, TUNING = 20, 5


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(196, 32), nn.ReLU(), nn.Linear(32, 32))
        self.head = nn.Linear(32, 10)

    def forward(self, images):
        return self.head(torch.relu(self.backbone(images)))


class Lora(nn.Module):
    """A linear layer that stays, and a trained update of low rank beside it."""

    def __init__(self, layer, rank):
        super().__init__()
        self.layer = layer.requires_grad_(False)
        rows, columns = layer.weight.shape
        self.up = nn.Parameter(torch.zeros(rows, rank))
        self.down = nn.Parameter(torch.randn(rank, columns) / columns**0.5)

    def forward(self, inputs):
        return self.layer(inputs) + inputs @ self.down.T @ self.up.T

    def merged(self):
        self.layer.weight.data += (self.up @ self.down).detach()
        return self.layer


def tuned(model, images, labels, rate=1e-3, epochs=TUNING):
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=rate)
    for _ in range(epochs):
        epoch(model, optimiser, images, labels)
    return model


def quantised(weight, bits):
    """Rounded by PyTorch to a grid with a scale for each row."""
    most = 2 ** (bits - 1) - 1
    scales = weight.abs().amax(1) / most
    zeros = torch.zeros(len(scales), dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scales, zeros, 0, -most - 1, most)


def save(model, path):
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(tensors, path)


def main(out, seeds):
    images, labels = networks.data()
    clothes = networks.data("fashion14")
    for seed in range(seeds):
        folder = out / f"seed-{seed}"
        for name in ("base", "branch"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        base = Network()
        optimiser = (sgd if seed % 4 < 2 else adam)(base)
        for number in range(1, EPOCHS + 1):
            epoch(base, optimiser, images, labels)
            torch.save(base.state_dict(), folder / "base" / f"epoch-{number}.pt")
            if number == EPOCHS // 2:
                middle = copy.deepcopy(base)
        save(base, folder / "base.safetensors")

        # A fine-tune that starts half way, saved every epoch.
        optimiser = adam(middle)
        for number in range(1, 11):
            epoch(middle, optimiser, *clothes)
            torch.save(middle.state_dict(), folder / "branch" / f"epoch-{number}.pt")

        def made(name, model):
            save(model, folder / f"{name}.safetensors")

        made("polished", tuned(copy.deepcopy(base), images, labels, rate=1e-5, epochs=1))
        made("full", tuned(copy.deepcopy(base), *clothes))
        model = copy.deepcopy(base)
        model.backbone.requires_grad_(False)
        made("frozen-backbone", tuned(model, *clothes))
        for rank in (1, 2):
            model = copy.deepcopy(base).requires_grad_(False)
            model.backbone[0] = Lora(model.backbone[0], rank)
            model.backbone[2] = Lora(model.backbone[2], rank)
            model.head = Lora(model.head, rank)
            tuned(model, *clothes)
            model.backbone[0] = model.backbone[0].merged()
            model.backbone[2] = model.backbone[2].merged()
            model.head = model.head.merged()
            made(f"lora-{rank}", model)
        for bits in (4, 8):
            model = copy.deepcopy(base)
            for layer in (model.backbone[0], model.backbone[2], model.head):
                layer.weight.data = quantised(layer.weight.data, bits)
            made(f"int{bits}", model)
        made("bf16", copy.deepcopy(base).bfloat16())
        made("fp16", copy.deepcopy(base).half())
        model = copy.deepcopy(base)
        with torch.no_grad():
            for weights in model.parameters():
                weights += 0.01 * torch.randn_like(weights)
        made("noise", model)
        torch.manual_seed(1000 + seed)
        made("stranger", tuned(Network(), images, labels, epochs=EPOCHS))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
