"""Writes examples/checkpoints anew: small checkpoints, as PyTorch and safetensors save them.

python examples/make_checkpoints.py

Every output that the documents show comes from these files. Other versions than those of
requirements.txt may give other weights, and other outputs with them.
"""

import copy
import os
import pathlib
import shutil

import safetensors.torch
import torch

import mnist14

HERE = pathlib.Path(__file__).resolve().parent / "checkpoints"

torch.set_num_threads(1)
images, labels = (torch.from_numpy(array[:4000]) for array in mnist14.load())
turned = torch.from_numpy(mnist14.rotated(images.numpy()))
clothes, kinds = (torch.from_numpy(array[:4000]) for array in mnist14.load("fashion14"))


class Network(torch.nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.backbone = torch.nn.Linear(196, hidden)
        self.head = torch.nn.Linear(hidden, 10)

    def forward(self, images):
        return self.head(torch.relu(self.backbone(images)))


def epoch(model, optimiser, images, labels):
    for batch in torch.randperm(len(images)).split(40):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
        optimiser.step()


def folder(name):
    path = HERE / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def two_runs():
    """Two runs, and four accidents: a file moved, one renumbered, one copied, one cut short."""
    here = folder("two-runs")
    for seed in (1, 2):
        torch.manual_seed(seed)
        model = Network(8)
        optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
        run = folder(f"two-runs/seed-{seed}")
        for number in range(1, 9):
            epoch(model, optimiser, images, labels)
            torch.save(model.state_dict(), run / f"epoch-{number}.pt")
    os.rename(here / "seed-1/epoch-4.pt", here / "seed-2/epoch-9.pt")
    os.rename(here / "seed-2/epoch-3.pt", here / "seed-2/epoch-10.pt")
    shutil.copy(here / "seed-1/epoch-8.pt", here / "seed-1/best.pt")
    whole = (here / "seed-2/epoch-8.pt").read_bytes()
    (here / "seed-2/epoch-11.pt").write_bytes(whole[:3000])


def shifted():
    """One run; from epoch 17 on the images are turned by a quarter."""
    here = folder("shifted")
    torch.manual_seed(3)
    model = Network(16)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for number in range(1, 21):
        epoch(model, optimiser, images if number <= 16 else turned, labels)
        torch.save(model.state_dict(), here / f"epoch-{number}.pt")


BUDGET = """\
[total]
relative = 0.05
steps = 3.0

[[tensor]]
name = "backbone.*"
relative = 0.1
"""


def finetune():
    """A base with its history, and what people make of a base."""
    here = folder("finetune")
    (here / "budget.toml").write_text(BUDGET)
    history = folder("finetune/history")
    torch.manual_seed(4)
    base = Network(16)
    optimiser = torch.optim.SGD(base.parameters(), lr=0.02, momentum=0.9)
    for number in range(1, 13):
        epoch(base, optimiser, images, labels)
        torch.save(base.state_dict(), history / f"epoch-{number}.pt")
    save(base, here / "base.safetensors")

    # Some more steps on the same data, at a tenth of the learning rate.
    model = copy.deepcopy(base)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.002, momentum=0.9)
    epoch(model, optimiser, images, labels)
    save(model, here / "polished.safetensors")

    # Everything trained on other images.
    model = copy.deepcopy(base)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(3):
        epoch(model, optimiser, clothes, kinds)
    save(model, here / "full.safetensors")

    # The head alone.
    model = copy.deepcopy(base)
    optimiser = torch.optim.Adam(model.head.parameters(), lr=1e-3)
    for _ in range(3):
        epoch(model, optimiser, clothes, kinds)
    save(model, here / "frozen-backbone.safetensors")

    # LoRA of rank 2 on both matrices, merged.
    model = copy.deepcopy(base).requires_grad_(False)
    factors = []
    for layer in (model.backbone, model.head):
        rows, columns = layer.weight.shape
        up, down = torch.zeros(rows, 2), 0.1 * torch.randn(2, columns)
        factors.append((layer.weight.clone(), up.requires_grad_(), down.requires_grad_()))
    optimiser = torch.optim.Adam([factor for pair in factors for factor in pair[1:]], lr=1e-3)
    for _ in range(3):
        for batch in torch.randperm(len(clothes)).split(40):
            (first, up1, down1), (last, up2, down2) = factors
            hidden = torch.nn.functional.linear(
                clothes[batch], first + up1 @ down1, model.backbone.bias
            )
            outputs = torch.nn.functional.linear(
                torch.relu(hidden), last + up2 @ down2, model.head.bias
            )
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(outputs, kinds[batch]).backward()
            optimiser.step()
    for layer, (weight, up, down) in zip((model.backbone, model.head), factors):
        layer.weight.data = (weight + up @ down).detach()
    save(model, here / "lora-merged.safetensors")

    # Rounded to 8 bits by PyTorch, a scale for each row, and back.
    model = copy.deepcopy(base)
    for layer in (model.backbone, model.head):
        weight = layer.weight.data
        scales = weight.abs().amax(1) / 127
        zeros = torch.zeros(len(scales), dtype=torch.int32)
        layer.weight.data = torch.fake_quantize_per_channel_affine(
            weight, scales, zeros, 0, -128, 127
        )
    save(model, here / "int8.safetensors")
    save(copy.deepcopy(base).bfloat16(), here / "bf16.safetensors")


def broken():
    """A run of 24 saves in two files each, as it may come from a mirror: five accidents."""
    here = folder("broken")
    torch.manual_seed(5)
    model = torch.nn.Sequential(
        *[torch.nn.Linear(196, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8), torch.nn.ReLU()],
        torch.nn.Linear(8, 10),
    )
    optimiser = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    files = [here / f"step-{100 * number}" for number in range(1, 25)]
    for file in files:
        epoch(model, optimiser, images, labels)
        file.mkdir()
        tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        first = {name: tensors.pop(name) for name in list(tensors) if name.startswith("0.")}
        for part, held in enumerate((first, tensors), 1):
            safetensors.torch.save_file(held, file / f"model-0000{part}-of-00002.safetensors")
    whole, part = "step-{}", "step-{}/model-00002-of-00002.safetensors"

    # A name that leads to the last weights, a file of another step, two steps exchanged, rows of a
    # matrix in another order, and a step that is gone.
    shutil.rmtree(here / whole.format(600))
    shutil.copytree(here / whole.format(2400), here / whole.format(600))
    shutil.copy(here / part.format(400), here / part.format(1200))
    os.rename(here / whole.format(1500), here / "exchanged")
    os.rename(here / whole.format(1700), here / whole.format(1500))
    os.rename(here / "exchanged", here / whole.format(1700))
    path = here / "step-2000/model-00001-of-00002.safetensors"
    tensors = safetensors.torch.load_file(path)
    tensors["0.weight"] = tensors["0.weight"].roll(1, 0)
    safetensors.torch.save_file(tensors, path)
    shutil.rmtree(here / whole.format(2200))


def save(model, path):
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(tensors, path)


if __name__ == "__main__":
    two_runs()
    shifted()
    finetune()
    broken()
