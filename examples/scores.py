"""Answers and truth, as tables: each a title, names of columns, and rows."""

import collections
import statistics


def adjacent(order):
    """Share of successive pairs that are neighbours in time in one run, either way round."""
    times = rank_times(order)
    pairs = zip(times, times[1:])
    good = sum(a[0] == b[0] and abs(a[1] - b[1]) == 1 for a, b in pairs)
    return good / (len(order) - 1) if len(order) > 1 else None


def rank_times(order):
    """(run, rank of the epoch among those of the run), since epochs need not be 1, 2, 3."""
    epochs = collections.defaultdict(list)
    for run, epoch in sorted(map(tuple, order)):
        epochs[run].append(epoch)
    return [(run, epochs[run].index(epoch)) for run, epoch in order]


def tau(order):
    """Kendall's tau of places and epochs."""
    epochs = [epoch for _, epoch in order]
    n, total = len(epochs), 0
    for i in range(n):
        for j in range(i):
            total += (epochs[i] > epochs[j]) - (epochs[i] < epochs[j])
    return 2 * total / (n * (n - 1)) if n > 1 else 0.0


def number(value):
    return "–" if value is None else f"{value:.3f}"


def of(part, whole):
    return f"{part} of {whole}"


def is_partition_right(answer):
    found = [{run for run, _ in one["truth"]} for one in answer["runs"]]
    return len(found) == answer["true_runs"] and all(len(runs) == 1 for runs in found)


def seed(run):
    """Of the training that most of its checkpoints come from."""
    folders = collections.Counter(folder for folder, _ in run["truth"])
    return int(folders.most_common(1)[0][0].rsplit("-", 1)[-1])


def directions(runs):
    asserted = [run for run in runs if run["direction"] == "forward"]
    right = sum(tau(run["truth"]) > 0 for run in asserted)
    return [of(len(asserted), len(runs)), of(right, len(asserted))]


def recovered(rows):
    table = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind]
        alone = [row for row in mine if row["size"] == 1]
        cells = [kind, of(sum(map(is_partition_right, alone)), len(alone))]
        for kept in ("1/1", "1/4"):
            answers = [row for row in mine if row["size"] == 3 and row["kept"] == kept]
            runs = [run for row in answers for run in row["runs"]]
            shares = [adjacent(run["truth"]) for run in runs if len(run["truth"]) > 1]
            cells += [
                of(sum(map(is_partition_right, answers)), len(answers)),
                number(statistics.mean(shares)),
                number(statistics.mean(abs(tau(run["truth"])) for run in runs)),
                *directions([run for run in runs if seed(run) % 2]),
            ]
        table.append(cells)
    columns = ["three found", "pairs in order", "τ", "direction asserted", "… and right"]
    return ["training", "one found", *columns, *(f"{column}, ¼ kept" for column in columns)], table


def continued(rows):
    table = []
    for name in dict.fromkeys((row["optimiser"], row["change"]) for row in rows):
        mine = [row for row in rows if (row["optimiser"], row["change"]) == name]
        runs = [run for row in mine for run in row["runs"]]
        pairs = statistics.mean(adjacent(run["truth"]) for run in runs)
        found = of(sum(map(is_partition_right, mine)), len(mine))
        table.append([*name, found, number(pairs), *directions(runs)])
    columns = ["optimiser", "what happened", "one run found", "pairs in order"]
    return [*columns, "direction asserted", "… and right"], table


def false_alarms(rows, group):
    table = []
    for name in sorted({row["name"] for row in rows if row["group"] == group}):
        mine = [row for row in rows if (row["group"], row["name"]) == (group, name)]
        causes = collections.Counter(cause for row in mine for cause in row["alarms"].values())
        judged, alarms = sum(len(row["judged"]) for row in mine), sum(causes.values())
        cells = [of(alarms, judged), f"{1000 * alarms / judged:.0f}"]
        table.append([name, *cells, *(str(causes[cause]) for cause in CAUSES)])
    return ["training", "alarms", "in 1000", *CAUSES], table


CAUSES = ["data", "rate-up", "rate-down", "batch", "frozen", "went-back", "merged"]
RIGHT = {
    "learning-rate-tenth": "rate-down",
    "learning-rate-triple": "rate-up",
    "other-images": "data",
    "turned-images": "data",
    "shuffled-labels": "data",
}


def changes(rows, changed, which):
    table = []
    for group in ("sgd", "adam"):
        names = sorted({row["name"] for row in rows if row["group"] == group})
        for name in names:
            mine = [
                r for r in rows if (r["group"], r["name"], r["thresholds"]) == (group, name, which)
            ]
            if which == "built-in":
                mine = [row for row in mine if row["seed"] % 2 == 1]
            at_once = [
                row["alarms"].get(changed) or row["alarms"].get(str(changed)) for row in mine
            ]
            soon = sum(
                any(changed <= int(at) < changed + 3 for at in row["alarms"]) for row in mine
            )
            before = sum(int(at) < changed for row in mine for at in row["alarms"])
            judged = sum(at < changed for row in mine for at in row["judged"])
            named = collections.Counter(filter(None, at_once))
            right = RIGHT.get(name)
            table.append([
                group, name, of(sum(map(bool, at_once)), len(mine)), of(soon, len(mine)),
                ", ".join(f"{cause} {count}" for cause, count in named.most_common()) or "–",
                of(named[right], sum(named.values())) if right else "–",
                of(before, judged),
            ])  # fmt: skip
    columns = ["optimiser", "what happened", "alarm at the first checkpoint", "within three"]
    return [*columns, "cause named", "… rightly", "false alarms before"], table


def kind_of(verdict):
    if verdict is None:
        return "none"
    if verdict["kind"] == "low_rank":
        return f"low rank {verdict['rank']}"
    return verdict["kind"]


def tuned(rows):
    table = []
    for made in sorted({row["made"] for row in rows}):
        mine = [row for row in rows if row["made"] == made]
        kinds = collections.Counter(kind_of(row["verdict"]) for row in mine)
        relative = statistics.median(row["relative"] for row in mine)
        steps = statistics.median(row["steps"] for row in mine)
        table.append([
            made, ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()),
            of(sum(row["frozen"] for row in mine), len(mine)), f"{relative:.4f}", f"{steps:.2f}",
            of(sum(row["gate"] == "within" for row in mine), len(mine)),
        ])  # fmt: skip
    columns = ["made of the base", "verdict of diff", "backbone frozen"]
    return [
        *columns,
        "median distance ÷ ‖a‖",
        "median in steps",
        "within the default budget",
    ], table


def forked(rows):
    said = collections.Counter()
    pairs = []
    for row in rows:
        found = [{folder.rsplit("/", 1)[-1] for folder, _ in run["truth"]} for run in row["runs"]]
        together = [run for run, names in zip(row["runs"], found) if "branch" in names]
        pairs += [adjacent(run["truth"]) for run in together]
        if len(together) > 1:
            said["the branch in pieces"] += 1
        elif {"branch"} in found:
            kind = (together[0]["origin"] or {"kind": "nothing"})["kind"]
            said[f"a run of its own, origin: {kind}"] += 1
        else:
            said[f"one run with its base, {len(row['runs'])} runs in all"] += 1
    columns = ["what runs says of the branch", "times", "pairs in order in that run"]
    return columns, [
        [what, of(n, len(rows)), number(statistics.mean(pairs))] for what, n in said.items()
    ]


def tables(results, changed):
    watched = results["watched"]
    return {
        title: {"columns": columns, "rows": rows}
        for title, (columns, rows) in {
            "Runs, order and direction, with names hidden": recovered(results["recovered"]),
            "Runs: eleven checkpoints that start from learnt weights": continued(
                results["continued"]
            ),
            "Watch: alarms while nothing happens": false_alarms(watched, "plain"),
            "Watch: alarms under schedules, first steps, low rates and strong decay": false_alarms(
                watched, "schedules"
            ),
            "Watch: something happens after epoch 20, built-in thresholds": changes(
                watched, changed, "built-in"
            ),
            "Watch: the same, thresholds by six undisturbed trainings": changes(
                watched, changed, "own"
            ),
            "Diff and gate: what was made of a base": tuned(results["tuned"]),
            "Runs: a fine-tune on other images that leaves its base after epoch 10": forked(
                results["forked"]
            ),
        }.items()
    }


def page(tables):
    text = "# Examples: answers held against what happened\n\nWritten by `examples/run.py`; how to read it is in [docs/examples.md](../../docs/examples.md).\n"
    for title, table in tables.items():
        lines = [table["columns"], ["---"] * len(table["columns"]), *table["rows"]]
        text += f"\n## {title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return text
