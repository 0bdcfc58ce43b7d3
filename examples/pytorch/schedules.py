"""Trainings whose steps do not simply shrink: warm-ups, the first steps of Adam, strong weight decay.

python examples/pytorch/schedules.py OUT SEEDS  ->  OUT/KIND/seed-N/step-N.pt, twenty files each
"""

import math
import pathlib
import sys

import networks
import torch
from networks import batch_norm, mlp, wide
from torch import nn

FILES = 20


def adamw(rate, decay=0.0):
    return lambda model: torch.optim.AdamW(model.parameters(), rate, weight_decay=decay)


def sgd(rate, decay=0.0, momentum=0.9):
    return lambda model: torch.optim.SGD(model.parameters(), rate, momentum, weight_decay=decay)


# Network, optimiser, images, steps between files, share of the steps that warm up, cosine after.
KINDS = {
    "adam-first-steps": (mlp, adamw(1e-3), 500, 5, 0.0, False),
    "adam-low-rate": (mlp, adamw(1e-4), 2000, 20, 0.0, False),
    "adam-warm-up-cosine": (mlp, adamw(2e-3), 2000, 20, 0.3, True),
    "adamw-warm-up": (mlp, adamw(2e-3, 0.3), 2000, 20, 0.5, False),
    "adamw-decay": (mlp, adamw(2e-3, 1.0), 2000, 40, 0.0, False),
    "sgd-warm-up": (mlp, sgd(0.05), 2000, 20, 0.5, False),
    "sgd-warm-up-decay": (mlp, sgd(0.05, 5e-3), 2000, 20, 0.5, False),
    "sgd-decay": (mlp, sgd(0.05, 5e-3), 2000, 40, 0.0, False),
    "sgd-low-rate": (mlp, sgd(0.002, momentum=0.0), 2000, 10, 0.0, False),
    "batchnorm-adamw-decay": (batch_norm, adamw(2e-3, 0.3), 2000, 20, 0.0, False),
    "batchnorm-sgd-warm-up": (batch_norm, sgd(0.05, 5e-4), 2000, 20, 0.5, False),
    "transformer-warm-up-cosine": (networks.Transformer, adamw(2e-3, 0.01), 1000, 10, 0.4, True),
    # 152,000 weights; fit_direction.py leaves these out of its fit.
    "wide-adamw-warm-up": (wide, adamw(1e-3, 0.1), 2000, 20, 0.5, False),
    "wide-sgd-decay": (wide, sgd(0.05, 5e-3), 2000, 20, 0.0, False),
}


def batches(count):
    while True:
        yield from torch.randperm(count).split(networks.BATCH)


def main(out, seeds):
    images, labels = networks.data()
    for kind, (network, optimiser_of, count, every, warm, cosine) in KINDS.items():
        for seed in range(seeds):
            folder = out / kind / f"seed-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            torch.manual_seed(seed)
            model = network()
            optimiser = optimiser_of(model)
            total = FILES * every

            def rate(step):
                warmed = min(1.0, (step + 1) / (warm * total)) if warm else 1.0
                return warmed * (0.5 * (1 + math.cos(math.pi * step / total)) if cosine else 1.0)

            schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
            for step, batch in zip(range(1, total + 1), batches(count)):
                optimiser.zero_grad()
                nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
                optimiser.step()
                schedule.step()
                if step % every == 0:
                    torch.save(model.state_dict(), folder / f"step-{step:04}.pt")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
