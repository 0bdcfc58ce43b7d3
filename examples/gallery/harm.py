"""What `modeltrail gate` says of changes that harm a model, by its loss, and of changes that do not.

    python examples/gallery/harm.py --seeds 1,3,5 --out results/gallery

Trains each kind to the checkpoint before its last, which is the accredited one, changes that in many ways,
measures the loss on held-out examples before and after, and asks `gate` twice: with the default budget, and
with one that the checkpoints before set.
"""

import argparse
import json
import math
import pathlib
import random
import shutil
import subprocess
import tempfile
import zlib

import checkpoints
import numpy
import safetensors.torch
import torch
from kinds import KINDS
from train import COUNT, steps_between
from training import Training

SCHEMA = "modeltrail.gallery-harm/1"
#: A change harms if it raises the held-out loss by more than this share of it …
HARM = 0.05
#: … and so many times the changes of the loss between the run's own last checkpoints.
NOISE = 3.0
#: Checkpoints before the accredited one that are its history.
HISTORY = 14
KINDS_TRIED = (
    "gpt-cosine", "gpt-constant", "gru-adam", "vit-cosine", "mixer-onecycle", "mlp-adamw",
    "resnet-steps", "resnet-onecycle", "resnet-cosine", "unet-adam", "moe-adamw", "finetune-full",
)  # fmt: skip


def matrices(state):
    return [n for n, t in state.items() if t.dim() >= 2 and t.shape[0] >= 2 and t.is_floating_point() and t.numel() >= 256]


def scaled(tensor, bits):
    """Rounded to whole steps of its rows' largest values."""
    rows = tensor.flatten(1)
    step = rows.abs().amax(1, keepdim=True).clamp_min(1e-12) / (2 ** (bits - 1) - 1)
    return ((rows / step).round() * step).view_as(tensor)


def each(state, change):
    """The state with all its matrices changed."""
    return {n: change(t) if n in matrices(state) else t.clone() for n, t in state.items()}


def one(state, name, change):
    return {n: change(t.clone()) if n == name else t.clone() for n, t in state.items()}


def exchanged(tensor, first, second):
    tensor[[first, second]] = tensor[[second, first]]
    return tensor


def turned(tensor, row):
    tensor[row] = -tensor[row]
    return tensor


def zeroed(tensor, row):
    tensor[row] = 0
    return tensor


def statistics(state, mean, variance):
    changed = {}
    for name, tensor in state.items():
        if name.endswith("running_mean"):
            changed[name] = mean(tensor)
        elif name.endswith("running_var"):
            changed[name] = variance(tensor)
        else:
            changed[name] = tensor.clone()
    return changed


def noisy(state, share, generator):
    def change(tensor):
        noise = torch.randn(tensor.shape, generator=generator)
        return tensor + noise * (share * tensor.norm() / noise.norm())

    return each(state, change)


def used_rows(training, state, name):
    """Rows of an embedding that held-out examples use, else all rows; the largest first."""
    rows = state[name].flatten(1).norm(dim=1)
    inputs = training.held_out.inputs
    if not inputs.is_floating_point() and state[name].shape[0] > int(inputs.max()):
        counts = torch.bincount(inputs.flatten().long(), minlength=state[name].shape[0])
        return counts.argsort(descending=True).tolist()
    return rows.argsort(descending=True).tolist()


def changes(training, state, chance):
    """What is done to a state, by name."""
    generator = torch.Generator().manual_seed(chance.randrange(2**31))
    names = matrices(state)
    first, last = names[0], names[-1]
    rows = used_rows(training, state, first)
    middle = names[len(names) // 2]
    yield "rounded to bf16", {n: t.bfloat16().to(t.dtype) if t.is_floating_point() else t for n, t in state.items()}
    yield "rounded to f16", {n: t.half().to(t.dtype) if t.is_floating_point() else t for n, t in state.items()}
    yield "rounded to int8, row by row", each(state, lambda t: scaled(t, 8))
    yield "rounded to int4, row by row", each(state, lambda t: scaled(t, 4))
    yield "noise of 0.1 %", noisy(state, 0.001, generator)
    yield "noise of 1 %", noisy(state, 0.01, generator)
    yield "noise of 4 %", noisy(state, 0.04, generator)
    yield "noise of 30 %", noisy(state, 0.3, generator)
    yield "smallest 1 % of the weights zero", each(state, lambda t: torch.where(t.abs() < t.abs().flatten().kthvalue(max(1, t.numel() // 100)).values, 0, t))
    yield "smallest half of the weights zero", each(state, lambda t: torch.where(t.abs() < t.abs().median(), 0, t))
    yield "a row of the first matrix turned", one(state, first, lambda t: turned(t, rows[0]))
    yield "a row of the last matrix turned", one(state, last, lambda t: turned(t, int(t.flatten(1).norm(dim=1).argmax())))
    yield "a row of the first matrix zero", one(state, first, lambda t: zeroed(t, rows[0]))
    yield "two rows of the first matrix exchanged", one(state, first, lambda t: exchanged(t, rows[0], rows[1]))
    yield "two rows of the last matrix exchanged", one(state, last, lambda t: exchanged(t, 0, 1))
    yield "two rows of one in the middle exchanged", one(state, middle, lambda t: exchanged(t, 0, 1))
    yield "the last matrix doubled", one(state, last, lambda t: 2 * t)
    yield "the last matrix 3 % larger", one(state, last, lambda t: 1.03 * t)
    yield "all biases zero", {n: torch.zeros_like(t) if n.endswith("bias") else t.clone() for n, t in state.items()}
    if any(n.endswith("running_mean") for n in state):
        yield "running statistics reset", statistics(state, torch.zeros_like, torch.ones_like)
        yield "running means reset", statistics(state, torch.zeros_like, torch.clone)
        yield "running variances doubled", statistics(state, torch.clone, lambda v: 2 * v)
        yield "running variances 5 % larger", statistics(state, torch.clone, lambda v: 1.05 * v)


def loss_of(training, state):
    """The loss on held-out examples, of weights by the names in the model."""
    kept = {name: tensor.clone() for name, tensor in training.model.state_dict().items()}
    training.model.load_state_dict(state)
    loss = training.validation_loss()
    training.model.load_state_dict(kept)
    return loss


def gate(program, accredited, candidate, history):
    command = [program, "gate", "--accredited", accredited, "--candidate", candidate, "--json"]
    if history:
        command += ["--history", history]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    answer = json.loads(done.stdout)
    if "verdict" not in answer:
        raise SystemExit(f"gate failed: {done.stdout} {done.stderr}")
    over = [limit.get("limit") or limit.get("what") or "" for limit in answer.get("limits", []) if limit.get("held") is False or limit.get("verdict") == "over"]
    return answer["verdict"], over


def tried(program, name, seed, quick):
    """The rows of one training."""
    kind = KINDS[name]
    inner = 2 * zlib.crc32(f"{name}/{seed}".encode()) % 2**31 + seed % 2
    chance = random.Random(inner)
    count = 18 if quick else COUNT
    intervals = steps_between(kind, chance, quick, count)
    random.seed(inner)
    numpy.random.seed(inner % 2**31)
    data, held_out = kind.data().parted()
    if kind.spacing == "epoch":
        data = data[: kind.batch * kind.every]
    training = Training(kind, inner, data, held_out, sum(intervals))
    rows = []
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        history = place / "history"
        history.mkdir()
        losses, saved = [], []
        for steps in intervals[:-1]:
            losses.append(training.advance(steps)["validation_loss"])
            file = history / f"step-{training.step:05}.safetensors"
            safetensors.torch.save_file(checkpoints.weights(training), file)
            saved.append(file)
        for old in saved[: -HISTORY - 1]:
            old.unlink()
        accredited = place / "accredited.safetensors"
        shutil.copy(saved[-1], accredited)
        state = {n: t.clone() for n, t in training.model.state_dict().items()}
        before = losses[-1]
        steps = [abs(b - a) for a, b in zip(losses[-HISTORY:], losses[-HISTORY + 1 :])]
        usual = sorted(steps)[len(steps) // 2]
        made = list(changes(training, state, chance))
        training.advance(intervals[-1])
        made.append(("one more checkpoint", {n: t.clone() for n, t in training.model.state_dict().items()}))
        for what, changed in made:
            training.model.load_state_dict(changed)
            candidate = place / "candidate.safetensors"
            safetensors.torch.save_file(checkpoints.weights(training), candidate)
            loss = loss_of(training, changed)
            rise = loss - before
            rows.append(
                {
                    "kind": name,
                    "seed": seed,
                    "change": what,
                    "loss_before": before,
                    "loss_after": loss if math.isfinite(loss) else None,
                    "harmful": not math.isfinite(loss) or rise > max(HARM * before, NOISE * usual),
                    "default": gate(program, accredited, candidate, None),
                    "history": gate(program, accredited, candidate, history),
                }
            )
    print(f"{name} seed {seed}: {sum(row['harmful'] for row in rows)} of {len(rows)} changes harm", flush=True)
    return rows


def share(part, rows):
    """So many of so many, with Wilson's 95 % interval."""
    n, k = len(rows), sum(map(part, rows))
    if n == 0:
        return "–"
    z, p = 1.96, k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return f"{k} of {n} ({max(0, middle - half):.2f}–{min(1, middle + half):.2f})"


def table(titles, rows):
    widths = [max(len(str(row[column])) for row in [titles, *rows]) for column in range(len(titles))]
    line = lambda row: "| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths)) + " |"
    return "\n".join([line(titles), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, rows)])


def page(content):
    rows = content["rows"]
    passed = lambda budget: lambda row: row[budget][0] == "within"
    stopped = lambda budget: lambda row: row[budget][0] != "within"
    sides = []
    for title, harmful, part in (
        ("harmful, and let through", True, passed),
        ("harmless, and sent to a test", False, stopped),
    ):
        own = [row for row in rows if row["harmful"] == harmful]
        sides.append([title, share(part("default"), own), share(part("history"), own)])
    names = list(dict.fromkeys(row["change"] for row in rows))
    each = []
    for name in names:
        own = [row for row in rows if row["change"] == name]
        harm = [row for row in own if row["harmful"]]
        rest = [row for row in own if not row["harmful"]]
        count = lambda part, of: f"{sum(map(part, of))} of {len(of)}" if of else "–"
        each.append(
            [name, f"{len(harm)} of {len(own)}"]
            + [count(passed("default"), harm), count(passed("history"), harm)]
            + [count(passed("default"), rest), count(passed("history"), rest)]
        )
    through = [row for row in rows if row["harmful"] and row["history"][0] == "within"]
    seen = sorted({row["change"] for row in through})
    return f"""# What a gate lets through

{len({(row['kind'], row['seed']) for row in rows})} trainings of {len({row['kind'] for row in rows})} kinds, of odd seeds. The checkpoint before the last is the accredited one. It is changed in many ways, and what comes out is a candidate. A change is harmful if it raises the loss on held-out examples by more than {100 * HARM:.0f} % and by more than {NOISE:.0f} times what the loss changes between two checkpoints of the run. `gate` sees weights only; in brackets are 95 % intervals (Wilson).

## Both sides

{table(["", "default budget", "budget from the history"], sides)}

## Change by change

"Through" is the number of candidates that are within budget.

{table(["change", "harmful", "harmful, through: default", "history", "harmless, through: default", "history"], each)}

## What no weight can show

Harmful and within the budget from the history: {", ".join(seen) if seen else "none of these"}. A small change of weights can change what a model does, and a change of the same size can leave it as it was: `gate` measures movement, not merit. A change of code, of preprocessing or of integer tensors is not among these rows, since no weight moves.

Made by `{content['command']}`, PyTorch {content['torch']}, {content['modeltrail']}.
"""


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default=",".join(KINDS_TRIED), help="a,b")
    parser.add_argument("--seeds", default="1,3,5", help="a,b; what a budget is set by is of even seeds")
    parser.add_argument("--program", default="modeltrail", help="the command")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where gate.md and gate.json go")
    parser.add_argument("--quick", action="store_true", help="few steps, to try it out")
    asked = parser.parse_args()
    seeds = [int(seed) for seed in asked.seeds.split(",")]
    version = subprocess.run([asked.program, "--version"], capture_output=True, text=True).stdout.strip()
    asked.out.mkdir(parents=True, exist_ok=True)
    found = []
    for seed in seeds:
        for name in asked.kinds.split(","):
            found += tried(asked.program, name, seed, asked.quick)
            content = {
                "schema": SCHEMA,
                "command": f"python examples/gallery/harm.py --seeds {asked.seeds}",
                "seeds": asked.seeds,
                "torch": torch.__version__,
                "modeltrail": version,
                "rows": found,
            }
            (asked.out / "gate.json").write_text(json.dumps(content, indent=1) + "\n")
            (asked.out / "gate.md").write_text(page(content))
