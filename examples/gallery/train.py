"""Trains one kind of the gallery, and from its middle once for each event.

python examples/gallery/train.py --list
python examples/gallery/train.py KIND --seed S --out DIR [--events a,b] [--quick]
"""

import argparse
import copy
import dataclasses
import json
import os
import pathlib
import platform
import random
import shutil
import time
import zlib

import checkpoints
import numpy
import optimisers
import torch
from events import AFTER, EVENTS, MERGED, OLDER, happen
from kinds import KINDS
from training import Training

COUNT = 40
SCHEMA = "modeltrail.gallery-training/1"


def listed():
    return [
        {
            "kind": name,
            "architecture": kind.architecture,
            "optimiser": kind.optimiser_name,
            "schedule": kind.schedule_name,
            "spacing": kind.spacing,
            "saved": kind.saved,
            "events": [event for event in EVENTS if event not in kind.left_out],
            "left_out": kind.left_out,
        }
        for name, kind in KINDS.items()
    ]


def steps_between(kind, chance, quick, count=COUNT):
    """The number of steps to each checkpoint from the one before."""
    match kind.spacing:
        case "uneven":
            return [kind.every * chance.randint(1, 3) for _ in range(count)]
        case "log":
            doubled = [2**power for power in range(5 if quick else 10)]
            return [1] + doubled[:-1] + [kind.every] * (count - len(doubled))
        case _:
            return [kind.every] * count


def main(name, seed, out, chosen, quick, count=COUNT, every=None):
    folder = out / name / f"seed-{seed}"
    if (folder / "training.json").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "base").mkdir(parents=True)
    kind = KINDS[name]
    if quick:
        before = kind.before and (kind.before[0], 10)
        kind = dataclasses.replace(kind, every=1 if kind.spacing == "uneven" else 3, before=before)
    if every:
        kind = dataclasses.replace(kind, every=every)
    # Another seed for each kind; odd where the asked one is.
    inner = 2 * zlib.crc32(f"{name}/{seed}".encode()) % 2**31 + seed % 2
    chance = random.Random(inner)
    intervals = steps_between(kind, chance, quick, count)
    at = chance.randrange(15, 30)
    random.seed(inner)
    numpy.random.seed(inner % 2**31)

    data, held_out = kind.data().parted()
    other, _ = kind.other().parted()
    if kind.spacing == "epoch":
        data, other = data[: kind.batch * kind.every], other[: kind.batch * kind.every]
    training = Training(kind, inner, data, held_out, sum(intervals))

    base, states = [], {}
    for number, steps in enumerate(intervals):
        record = training.advance(steps)
        base.append({"file": checkpoints.save(training, folder / "base")} | record)
        if number in (at, at - MERGED, at - OLDER):
            states[number] = training.state()

    events = {}
    for event in chosen or EVENTS:
        if event in kind.left_out:
            continue
        entry = {"from": at, "at_step": base[at]["step"]}
        after = AFTER[event]
        if event == "none":
            entry["checkpoints"] = base[at + 1 : at + 1 + after]
        else:
            (folder / event).mkdir()
            detail, frozen = happen(event, training, states, at, data, other, intervals[at + 1])
            if detail:
                entry["detail"] = detail
            if frozen:
                entry["frozen"] = sorted({checkpoints.name_of(kind, name) for name in frozen})
            entry["checkpoints"] = []
            for steps in intervals[at + 1 : at + 1 + after]:
                record = training.advance(steps)
                file = checkpoints.save(training, folder / event)
                entry["checkpoints"].append({"file": file} | record)
        events[event] = entry

    drops = []
    if name == "resnet-steps":
        drops = [round(share * sum(intervals)) for share in optimisers.DROPS]
    content = {
        "schema": SCHEMA,
        "kind": name,
        "seed": seed,
        "architecture": kind.architecture,
        "optimiser": kind.optimiser_name,
        "schedule": kind.schedule_name,
        "weights": sum(tensor.numel() for tensor in checkpoints.weights(training).values()),
        "trained_weights": sum(weights.numel() for weights in training.trained.values()),
        "spacing": kind.spacing,
        "saved": kind.saved,
        "batch": kind.batch,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "base": base,
        "scheduled_drops": drops,
        "events": events,
    }
    writing = folder / "training.json.writing"
    writing.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(writing, folder / "training.json")
    print(f"{name} seed {seed}: {time.process_time():.0f} s of one core")


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", nargs="?", choices=KINDS)
    parser.add_argument("--list", action="store_true", help="kinds and their events as JSON")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--events", type=lambda names: names.split(","), help="a,b; all if not given")
    parser.add_argument("--count", type=int, default=COUNT, help="checkpoints of the base; 40 if not given")
    parser.add_argument("--every", type=int, help="steps between them, instead of the kind's")
    parser.add_argument("--quick", action="store_true", help="few steps, to try the files out")
    asked = parser.parse_args()
    if asked.list:
        print(json.dumps(listed(), indent=1))
    elif asked.kind is None or asked.out is None:
        parser.error("a kind and --out are needed")
    elif unknown := set(asked.events or ()) - set(EVENTS):
        parser.error(f"no such event: {', '.join(sorted(unknown))}")
    else:
        main(asked.kind, asked.seed, asked.out, asked.events, asked.quick, asked.count, asked.every)
