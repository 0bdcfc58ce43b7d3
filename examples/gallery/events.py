"""What happens to a training in the middle."""

import io

import optimisers
import torch
from data import Batches, mixed, poisoned, with_wrong_targets, without_class

EVENTS = {
    "none": "the base itself, left alone",
    "resume": "everything saved, loaded and trained on: the same as none",
    "shuffle": "the same data in another order",
    "shift-strong": "other data altogether",
    "shift-mild": "20 % of the examples are from the other data",
    "noise-5": "5 % of the targets are wrong",
    "noise-20": "20 % of the targets are wrong",
    "dropped-class": "one class of images, or one kind of file of a text, is gone",
    "poison-3": "3 % of the examples have a trigger and the same answer",
    "rate-x3": "three times the learning rate from now on",
    "rate-div3": "a third of the learning rate from now on",
    "rate-div10": "a tenth of the learning rate from now on",
    "batch-x4": "four times the batch, as many steps",
    "optimiser-lost": "the optimiser begins anew",
    "frozen": "the first half of the layers is trained no more",
    "spike": "one bad step in the middle of the first checkpoint's",
    "decay-x10": "ten times the weight decay",
    "rounded": "the weights are rounded to bfloat16 or to an int8 grid",
    "merged": "the mean of the weights and those of four checkpoints before",
    "older": "weights and optimiser of five checkpoints before, under the next numbers",
}
# Checkpoints after the event.
AFTER = {name: 8 if name in ("none", "resume", "shuffle") else 4 for name in EVENTS}
MERGED, OLDER = 4, 5


def classes(data):
    return int(data.classes.max()) + 1


@torch.no_grad()
def rounded(weights, bits):
    if bits == 16:
        weights.copy_(weights.bfloat16())
    elif weights.dim() > 1:
        scale = weights.abs().max() / 127
        weights.copy_((weights / scale).round() * scale)


def half_of_the_layers(model, trained):
    """The parameters in the first half of the modules that have any."""
    modules = list(dict.fromkeys(name.rpartition(".")[0] for name in trained))
    first = set(modules[: len(modules) // 2])
    return [name for name in trained if name.rpartition(".")[0] in first]


def happen(event, training, states, at, data, other, first):
    """Brings the training to the checkpoint and lets the event happen; what it was, and what froze.

    `first` is the number of steps to the next checkpoint.
    """
    seed, kind = training.seed, training.kind
    chance = torch.Generator().manual_seed(seed + 1)
    position = states[at]["position"]
    detail, frozen = None, []
    training.load(states[at], data)

    def train_on(changed):
        training.data = changed
        training.batches = Batches(len(changed), seed, position)

    match event:
        case "resume":
            file = io.BytesIO()
            torch.save(states[at], file)
            file.seek(0)
            training.load(torch.load(file), data)
        case "shuffle":
            training.batches = Batches(len(data), seed + 1, position)
        case "shift-strong":
            train_on(other)
        case "shift-mild":
            train_on(mixed(data, other, 0.2, chance))
        case "noise-5":
            train_on(with_wrong_targets(data, 0.05, chance))
        case "noise-20":
            train_on(with_wrong_targets(data, 0.2, chance))
        case "dropped-class":
            gone = int(torch.randint(classes(data), (), generator=chance))
            detail = f"class {gone}"
            train_on(without_class(data, gone))
        case "poison-3":
            train_on(poisoned(data, 0.03, chance))
        case "rate-x3":
            optimisers.scale_rate(training.optimiser, training.schedule, 3.0)
        case "rate-div3":
            optimisers.scale_rate(training.optimiser, training.schedule, 1 / 3)
        case "rate-div10":
            optimisers.scale_rate(training.optimiser, training.schedule, 0.1)
        case "batch-x4":
            training.batch *= 4
        case "optimiser-lost":
            training.optimiser.state.clear()
        case "frozen":
            frozen = half_of_the_layers(training.model, training.trained)
            for name in frozen:
                training.trained[name].requires_grad_(False)
        case "spike":
            training.spike = training.step + max(1, first // 2)
            detail = f"{kind.spike} in step {training.spike}"
        case "decay-x10":
            for group in training.optimiser.param_groups:
                group["weight_decay"] *= 10.0
        case "rounded":
            bits = 8 if seed % 2 or kind.precision is torch.bfloat16 else 16
            detail = "int8" if bits == 8 else "bfloat16"
            for weights in training.trained.values():
                rounded(weights, bits)
        case "merged":
            earlier = states[at - MERGED]["model"]
            with torch.no_grad():
                for name, weights in training.model.state_dict().items():
                    if weights.is_floating_point():
                        weights.lerp_(earlier[name], 0.5)
        case "older":
            training.model.load_state_dict(states[at - OLDER]["model"])
            groups = training.optimiser.state_dict()["param_groups"]
            moments = states[at - OLDER]["optimiser"]["state"]
            training.optimiser.load_state_dict({"state": moments, "param_groups": groups})
    return detail, frozen
