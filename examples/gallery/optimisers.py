"""Optimisers and schedules, as trainers set them up."""

import functools
import math

import torch
from torch.optim import lr_scheduler


class Lion(torch.optim.Optimizer):
    """The sign of a momentum (Chen et al. 2023, Symbolic Discovery of Optimization Algorithms)."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            first, second = group["betas"]
            for weights in group["params"]:
                if weights.grad is None:
                    continue
                state = self.state[weights]
                momentum = state.setdefault("exp_avg", torch.zeros_like(weights))
                weights.mul_(1 - group["lr"] * group["weight_decay"])
                weights.sub_(torch.lerp(weights.grad, momentum, first).sign_(), alpha=group["lr"])
                momentum.lerp_(weights.grad, 1 - second)


def groups(model, decay):
    """Matrices and filters decay; biases and the scales of norms do not."""
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    return [
        {"params": [weights for weights in trained if weights.dim() > 1], "weight_decay": decay},
        {"params": [weights for weights in trained if weights.dim() < 2], "weight_decay": 0.0},
    ]


def adamw(rate, decay, betas=(0.9, 0.999)):
    return lambda model: torch.optim.AdamW(groups(model, decay), rate, betas, fused=True)


def adam(rate):
    return lambda model: torch.optim.Adam(model.parameters(), rate, fused=True)


def lion(rate, decay):
    return lambda model: Lion(groups(model, decay), rate, weight_decay=decay)


def adafactor(rate, decay):
    return lambda model: torch.optim.Adafactor(groups(model, decay), rate, weight_decay=decay)


def sgd(rate, decay, nesterov=False):
    return lambda model: torch.optim.SGD(
        model.parameters(), rate, 0.9, weight_decay=decay, nesterov=nesterov, fused=True
    )


def warm_cosine(step, warm, total, lowest):
    if step < warm:
        return (step + 1) / warm
    return lowest + (1 - lowest) * 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm)))


def warm_linear(step, warm, total):
    return (step + 1) / warm if step < warm else max(0.0, (total - step) / (total - warm))


def warm_stable_decay(step, warm, total, last):
    return min(1.0, (step + 1) / warm, (total - step) / last)


def warm_constant(step, warm):
    return min(1.0, (step + 1) / warm)


# Each takes the optimiser and the number of steps of the whole training.
def cosine(warm=0.1, lowest=0.1):
    return lambda optimiser, total: lr_scheduler.LambdaLR(
        optimiser, functools.partial(warm_cosine, warm=round(warm * total), total=total, lowest=lowest)
    )


def linear(warm=0.1):
    return lambda optimiser, total: lr_scheduler.LambdaLR(
        optimiser, functools.partial(warm_linear, warm=round(warm * total), total=total)
    )


def stable(warm=0.1, last=0.1):
    return lambda optimiser, total: lr_scheduler.LambdaLR(
        optimiser,
        functools.partial(
            warm_stable_decay, warm=round(warm * total), total=total, last=round(last * total)
        ),
    )


def constant(warm=0.0):
    return lambda optimiser, total: lr_scheduler.LambdaLR(
        optimiser, functools.partial(warm_constant, warm=max(1, round(warm * total)))
    )


def one_cycle(highest):
    return lambda optimiser, total: lr_scheduler.OneCycleLR(optimiser, highest, total)


# Shares of the training after which the rate falls to a tenth: 14 and 35 of 40 checkpoints.
DROPS = (0.35, 0.875)


def steps():
    return lambda optimiser, total: lr_scheduler.MultiStepLR(
        optimiser, [round(share * total) for share in DROPS], 0.1
    )


def scale_rate(optimiser, schedule, factor):
    """Everything that the schedule computes the rate from."""
    for group in optimiser.param_groups:
        for name in ("lr", "initial_lr", "max_lr", "min_lr"):
            if name in group:
                group[name] *= factor
    schedule.base_lrs = [rate * factor for rate in schedule.base_lrs]
