"""Trains all examples, asks modeltrail about each, and holds its answers against what happened.

python examples/run.py path/to/modeltrail  ->  results/examples/{results.json,tables.md}

Trainings go to examples/out/ and are not done again if they are there. modeltrail gets copies under
random names wherever names would tell the answer. Tables: scores.py.
"""

import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import scores

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "out"
RESULTS = HERE.parent / "results/examples"
SEEDS = 12
TRAININGS = [
    ("pytorch/plain.py", "plain"),
    ("scikit-learn/plain.py", "plain"),
    ("jax/plain.py", "plain"),
    ("pytorch/schedules.py", "schedules"),
    ("pytorch/disturbed.py", "disturbed"),
    ("pytorch/finetune.py", "finetune"),
]
CHANGED = 21  # first epoch that disturbed.py disturbs


def train():
    for script, folder in TRAININGS:
        done = OUT / f"{script.replace('/', '-')}.done"
        if not done.exists():
            subprocess.run([sys.executable, HERE / script, OUT / folder, str(SEEDS)], check=True)
            done.touch()


def ask(*arguments, status=(0, 1)):
    """The JSON lines that a command prints."""
    done = subprocess.run([sys.argv[1], *map(str, arguments), "--json"], capture_output=True)
    assert done.returncode in status, done.stderr.decode()
    decoder, text, documents = json.JSONDecoder(), done.stdout.decode().strip(), []
    while text:
        document, end = decoder.raw_decode(text)
        documents.append(document)
        text = text[end:].strip()
    return documents


def number(path):
    """Epoch or step of a file that the trainings wrote."""
    return int(path.stem.split("-")[-1])


def hidden(folders, to, chance, wanted):
    """Copies checkpoints under random names, the earliest first; truth: name -> (folder, epoch)."""
    files = [(folder, path) for folder in folders for path in wanted(sorted(folder.iterdir()))]
    truth = {}
    for folder, path in sorted(files, key=lambda file: number(file[1])):
        name = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=12)) + path.suffix
        truth[name] = (str(folder.relative_to(OUT)), number(path))
        copy_weights(path, to / name)
    return truth


def copy_weights(path, to):
    """A copy; of a checkpoint that says its step, the weights alone."""
    if path.suffix == ".pt" and path.stem.startswith("step"):
        import torch

        state = torch.load(path)
        torch.save(state.get("model", state), to)
    else:
        shutil.copyfile(path, to)


def ask_runs(folders, chance, wanted=list):
    """What `runs` finds among checkpoints of these folders, with names that tell nothing."""
    with tempfile.TemporaryDirectory() as pool:
        truth = hidden(folders, pathlib.Path(pool), chance, wanted)
        (answer,) = ask("runs", pool)
    (group,) = answer["groups"]
    runs = [
        {
            "truth": [truth[place["name"]] for place in run["checkpoints"]],
            "direction": run["direction"],
            "confidence": run["direction_confidence"],
            "origin": origin(run["origin"], truth),
        }
        for run in group["runs"]
    ]
    return {"true_runs": len(folders), "verdict": group["verdict"], "runs": runs}


def origin(found, truth):
    if found is None or found["kind"] != "fork":
        return found
    return found | {"after": truth[found["after"]]}


def every(folder):
    return sorted(folder.glob("seed-*"), key=number)


def recovered():
    """Every run alone, three at a time, and three of which a quarter is kept."""
    kinds = [*sorted((OUT / "plain").iterdir()), *sorted((OUT / "schedules").iterdir())]
    for kind in kinds:
        folders, chance = every(kind), random.Random(kind.name)
        for size, share in ((1, 1), (3, 1), (3, 4)):

            def kept(files):
                return chance.sample(files, round(len(files) / share))

            for group in (folders[at : at + size] for at in range(0, len(folders), size)):
                answer = ask_runs(group, chance, kept)
                yield {"kind": kind.name, "size": size, "kept": f"1/{share}"} | answer


def continued():
    """The last eleven checkpoints of every disturbed training: they start from learnt weights."""
    chance = random.Random("continued")
    for optimiser in ("sgd", "adam"):
        for change in sorted((OUT / "disturbed" / optimiser).iterdir()):
            for folder in every(change):

                def late(files):
                    return [file for file in files if number(file) >= CHANGED - 1]

                answer = ask_runs([folder], chance, late)
                yield {"optimiser": optimiser, "change": change.name} | answer


def watched():
    """`watch` on every training; and, with thresholds of one's own, on those of odd seeds."""
    folders = [("plain", kind.name, kind) for kind in sorted((OUT / "plain").iterdir())]
    for kind in sorted((OUT / "schedules").iterdir()):
        folders.append(("schedules", kind.name, kind))
    for optimiser in ("sgd", "adam"):
        for change in sorted((OUT / "disturbed" / optimiser).iterdir()):
            folders.append((optimiser, change.name, change))
    for group, name, kind in folders:
        for folder in every(kind):
            thresholds = [("built-in", [])]
            if group in ("sgd", "adam") and number(folder) % 2 == 1:
                own = every(OUT / "disturbed" / group / "nothing")[::2]
                own = [["--undisturbed", undisturbed] for undisturbed in own]
                thresholds.append(("own", [*sum(own, []), "--false-alarms", "0.03"]))
            for which, options in thresholds:
                lines = ask("watch", folder, "--once", *options)
                judged = [line for line in lines if line.get("judged")]
                yield {
                    "group": group,
                    "name": name,
                    "seed": number(folder),
                    "thresholds": which,
                    "judged": [line["position"]["value"] for line in judged],
                    "alarms": {
                        line["position"]["value"]: line["cause"]
                        for line in judged
                        if line["alarm"] and not line["continues"]
                    },
                    "features": [line["verdict"]["features"] for line in judged],
                }


def tuned():
    """`diff` and `gate` on what was made of every base."""
    for folder in every(OUT / "finetune"):
        base = folder / "base.safetensors"
        for path in sorted(folder.glob("*.safetensors")):
            (diff,) = ask("diff", base, path, "--expect-frozen", "backbone.*")
            sides = ["--accredited", base, "--candidate", path]
            (gate,) = ask("gate", *sides, "--history", folder / "base")
            yield {
                "seed": number(folder),
                "made": path.stem,
                "verdict": diff["verdict"],
                "relative": diff["total"]["relative_distance"],
                "frozen": not diff["not_frozen"],
                "gate": gate["verdict"],
                "steps": next(x["measured"] for x in gate["limits"] if x["unit"] == "steps"),
            }


def forked():
    """A run, a fine-tune that left it half way, and two strangers."""
    chance = random.Random("forks")
    folders = every(OUT / "finetune")
    for index, folder in enumerate(folders):
        others = [folders[(index + other) % len(folders)] / "base" for other in (4, 8)]
        answer = ask_runs([folder / "base", folder / "branch", *others], chance)
        yield {"seed": number(folder)} | answer


def main():
    train()
    results = {
        "recovered": list(recovered()),
        "continued": list(continued()),
        "watched": list(watched()),
        "tuned": list(tuned()),
        "forked": list(forked()),
    }
    (OUT / "answers.json").write_text(json.dumps(results))
    RESULTS.mkdir(parents=True, exist_ok=True)
    tables = scores.tables(results, CHANGED)
    (RESULTS / "results.json").write_text(json.dumps(tables, indent=1) + "\n")
    (RESULTS / "tables.md").write_text(scores.page(tables))


if __name__ == "__main__":
    main()
