"""The trainings of the gallery."""

import dataclasses
from collections.abc import Callable

import optimisers as o
import torch
from data import images, text, to_restore
from networks import Experts, Gpt, Gru, Llama, Mixer, ResNet, Unet, Vit, WideMlp, with_lora
from torch.nn import functional

DIGITS, CLOTHES = images("mnist14"), images("fashion14")
TURNED_DIGITS, TURNED_CLOTHES = images("mnist14", turned=True), images("fashion14", turned=True)
PROSE, CODE, TABLES = text("prose"), text("code"), text("tables")


@dataclasses.dataclass
class Kind:
    architecture: str
    network: Callable
    data: Callable
    other: Callable
    optimiser: Callable
    optimiser_name: str
    schedule: Callable
    schedule_name: str
    batch: int
    every: int
    spacing: str = "steps"
    saved: str = "safetensors"
    clip: float = float("inf")
    smoothing: float = 0.0
    moved: bool = False
    ema: float | None = None
    precision: torch.dtype | None = None
    before: tuple | None = None
    adapters: bool = False
    spike: str = "rate x30"
    decays: bool = True
    left_out: dict = dataclasses.field(default_factory=dict)


def restoring(load):
    return lambda count=None: to_restore(load(count))


NO_DECAY = {"decay-x10": "it has no weight decay"}

KINDS = {
    "gpt-cosine": Kind(
        "Llama, 2 layers of 64", lambda: Llama(hidden=192), PROSE, CODE,
        o.adamw(2e-3, 0.1, (0.9, 0.95)), "AdamW 2e-3, decay 0.1, clipped at 1",
        o.cosine(), "warm-up and cosine to a tenth", 8, 18, saved="transformers", clip=1.0,
    ),
    "gpt-wsd": Kind(
        "Llama, 2 layers of 64", Llama, PROSE, CODE,
        o.adamw(3e-3, 0.1, (0.9, 0.95)), "AdamW 3e-3, decay 0.1, clipped at 1",
        o.stable(), "warm-up, stable, the last tenth down to 0", 8, 18, spacing="log", clip=1.0,
    ),
    "gpt-constant": Kind(
        "GPT-2, 2 layers of 96", lambda: Gpt(96), CODE, PROSE,
        o.adamw(1e-3, 0.1), "AdamW 1e-3, decay 0.1, clipped at 1",
        o.constant(0.05), "warm-up, then constant", 6, 9, spacing="uneven", clip=1.0,
    ),
    "vit-cosine": Kind(
        "ViT, 2 layers of 48, dropout 0.1", lambda: Vit(48, dropout=0.1), CLOTHES, DIGITS,
        o.adamw(2e-3, 0.05), "AdamW 2e-3, decay 0.05, clipped at 1",
        o.cosine(lowest=0.0), "warm-up and cosine to 0", 16, 18, clip=1.0, ema=0.98,
    ),
    "mixer-onecycle": Kind(
        "MLP-Mixer, 2 layers of 64", Mixer, CLOTHES, TURNED_CLOTHES,
        o.adamw(3e-3, 0.05), "AdamW, decay 0.05",
        o.one_cycle(3e-3), "OneCycle up to 3e-3", 16, 20,
    ),
    "mlp-adamw": Kind(
        "residual MLP, 2 layers of 512", WideMlp, DIGITS, TURNED_DIGITS,
        o.adamw(1e-4, 0.1), "AdamW 1e-4, decay 0.1",
        o.constant(), "constant", 32, 24, smoothing=0.1,
    ),
    "mlp-fp16": Kind(
        "residual MLP, 2 layers of 192", lambda: WideMlp(192), CLOTHES, DIGITS,
        o.adamw(5e-4, 0.05), "AdamW 5e-4, decay 0.05, computed in float16 with a loss scaler",
        o.cosine(), "warm-up and cosine to a tenth", 32, 24, precision=torch.float16,
    ),
    "resnet-steps": Kind(
        "ResNet, 3 blocks of 16 to 64", ResNet, CLOTHES, DIGITS,
        o.sgd(0.05, 5e-4), "SGD 0.05, momentum 0.9, decay 5e-4",
        o.steps(), "to a tenth after 35 % and 87.5 %", 32, 18, spacing="epoch",
        saved="transformers", moved=True, spike="gradient x30",
    ),
    "resnet-onecycle": Kind(
        "ResNet, 3 blocks of 24 to 96, first stride 2", lambda: ResNet(24, 2), DIGITS, TURNED_DIGITS,
        o.sgd(0.05, 5e-4), "SGD, momentum 0.95 to 0.85, decay 5e-4",
        o.one_cycle(0.05), "OneCycle up to 0.05", 32, 20, moved=True, smoothing=0.1,
        spike="gradient x30",
    ),
    "resnet-cosine": Kind(
        "ResNet, 3 blocks of 16 to 64, first stride 2", lambda: ResNet(16, 2), CLOTHES, TURNED_CLOTHES,
        o.sgd(0.05, 1e-3, nesterov=True), "SGD 0.05, Nesterov momentum 0.9, decay 1e-3",
        o.cosine(0.05, 0.0), "warm-up and cosine to 0", 64, 20, saved="pt", moved=True,
        spike="gradient x30",
    ),
    "gru-adam": Kind(
        "GRU, 1 layer of 128", Gru, CODE, PROSE,
        o.adam(3e-3), "Adam 3e-3, clipped at 1",
        o.constant(), "constant", 8, 14, saved="pt with optimizer", clip=1.0, left_out=NO_DECAY,
    ),
    "unet-adam": Kind(
        "U-Net, 12 to 48 channels, takes noise off images", Unet, restoring(DIGITS), restoring(CLOTHES),
        o.adam(1e-3), "Adam 1e-3", o.constant(), "constant", 16, 18, spacing="epoch",
        saved="lightning", left_out=NO_DECAY,
    ),
    "moe-adamw": Kind(
        "Mixtral, 2 layers of 64, 6 experts, 2 for a token",
        lambda: Llama(hidden=80, experts=6), PROSE, CODE,
        o.adamw(2e-3, 0.1, (0.9, 0.95)), "AdamW 2e-3, decay 0.1, clipped at 1",
        o.cosine(), "warm-up and cosine to a tenth", 8, 14, clip=1.0,
    ),
    "finetune-full": Kind(
        "ViT, 2 layers of 64, trained on digits before", Vit, CLOTHES, TURNED_CLOTHES,
        o.adamw(1e-3, 0.01), "AdamW 1e-3, decay 0.01, clipped at 1",
        o.linear(), "warm-up and linear to 0", 16, 16, saved="transformers", clip=1.0,
        before=(DIGITS, 400),
    ),
    "lora": Kind(
        "Llama, 2 layers of 64, trained on prose before; adapters of rank 4", Llama, CODE, TABLES,
        o.adamw(2e-3, 0.0), "AdamW 2e-3 on the adapters, clipped at 1",
        o.linear(0.05), "warm-up and linear to 0", 8, 14, clip=1.0, before=(PROSE, 400),
        adapters=True,
        left_out=NO_DECAY | {"rounded": "the stored weights are merged, and leave the grid at once"},
    ),
    "gpt-lion": Kind(
        "GPT-2, 2 layers of 64", Gpt, CODE, PROSE,
        o.lion(3e-4, 0.5), "Lion 3e-4, decay 0.5, clipped at 1",
        o.cosine(), "warm-up and cosine to a tenth", 8, 20, clip=1.0,
    ),
    "gpt-adafactor": Kind(
        "Llama, 2 layers of 64", Llama, PROSE, CODE,
        o.adafactor(0.02, 0.01), "Adafactor 0.02 relative to the weights, decay 0.01",
        o.linear(0.05), "warm-up and linear to 0", 8, 9, spacing="uneven",
    ),
    "gpt-bf16": Kind(
        "GPT-2, 2 layers of 64", Gpt, CODE, PROSE,
        o.adamw(2e-3, 0.1, (0.9, 0.95)), "AdamW 2e-3, decay 0.1, clipped at 1, computed and stored in bfloat16",
        o.stable(0.05), "warm-up, stable, the last tenth down to 0", 8, 15, clip=1.0,
        precision=torch.bfloat16,
    ),
}  # fmt: skip


def loss_of(kind, model, inputs, targets):
    answers = model(inputs).float()
    if targets.is_floating_point():
        return functional.mse_loss(answers, targets)
    return functional.cross_entropy(
        answers.reshape(-1, answers.shape[-1]), targets.reshape(-1), label_smoothing=kind.smoothing
    )


def balance_of(model):
    """What a mixture of experts adds to its loss."""
    terms = [module.balance for module in model.modules() if isinstance(module, Experts)]
    return 0.01 * sum(terms) if terms else 0.0
