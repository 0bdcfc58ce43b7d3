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


def recovered(rows):
    kinds = sorted({row["kind"] for row in rows})
    table = []
    for kind in kinds:
        cells = [kind]
        for size in (1, 3):
            answers = [row for row in rows if row["kind"] == kind and row["size"] == size]
            cells.append(of(sum(map(is_partition_right, answers)), len(answers)))
        runs = [run for row in rows if row["kind"] == kind and row["size"] == 3 for run in row["runs"]]
        shares = [adjacent(run["truth"]) for run in runs if len(run["truth"]) > 1]
        cells.append(number(statistics.mean(shares)))
        cells.append(number(statistics.mean(abs(tau(run["truth"])) for run in runs)))
        cells.append(of(sum(share == 1 for share in shares), len(shares)))
        asserted = [run for run in runs if run["direction"] == "forward"]
        cells.append(of(len(asserted), len(runs)))
        cells.append(of(sum(tau(run["truth"]) > 0 for run in asserted), len(asserted)))
        table.append(cells)
    columns = ["training", "one run found", "three runs found", "pairs in order", "τ", "runs wholly in order"]
    return columns + ["direction asserted", "… and right"], table


def false_alarms(rows):
    kinds = [("plain", kind) for kind in sorted({r["name"] for r in rows if r["group"] == "plain"})]
    table = []
    for group, name in kinds:
        mine = [row for row in rows if (row["group"], row["name"]) == (group, name)]
        causes = collections.Counter(cause for row in mine for cause in row["alarms"].values())
        judged, alarms = sum(len(row["judged"]) for row in mine), sum(causes.values())
        cells = [of(alarms, judged), f"{1000 * alarms / judged:.0f}"]
        table.append([name, *cells, *(str(causes[cause]) for cause in CAUSES)])
    return ["training", "false alarms", "in 1000", *CAUSES], table


CAUSES = ["data", "faster", "slower"]
RIGHT = {
    "learning-rate-tenth": "slower",
    "learning-rate-triple": "faster",
    "other-images": "data",
    "turned-images": "data",
    "shuffled-labels": "data",
}


def changes(rows, changed, which):
    table = []
    for group in ("sgd", "adam"):
        names = sorted({row["name"] for row in rows if row["group"] == group})
        for name in names:
            mine = [r for r in rows if (r["group"], r["name"], r["thresholds"]) == (group, name, which)]
            if which == "built-in":
                mine = [row for row in mine if row["seed"] % 2 == 1]
            at_once = [row["alarms"].get(changed) or row["alarms"].get(str(changed)) for row in mine]
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
    return [*columns, "median distance ÷ ‖a‖", "median in steps", "within the default budget"], table


def forked(rows):
    apart = right = parent = placed = certain = 0
    verdicts = collections.Counter()
    for row in rows:
        runs = row["runs"]
        whole = [{run.rsplit("/", 1)[-1] for run, _ in one["truth"]} for one in runs]
        is_apart = len(runs) == 4 and is_partition_right(row)
        apart += is_apart
        for one, names in zip(runs, whole):
            if names == {"branch"} and one["origin"] and is_apart:
                found = one["origin"]
                verdicts[found["kind"]] += 1
                if found["kind"] == "fork":
                    own = one["truth"][0][0].rsplit("/", 1)[0]
                    is_parent = {run for run, _ in runs[found["parent"]]["truth"]} == {f"{own}/base"}
                    parent += is_parent
                    placed += is_parent and abs(found["after"][1] - 10) <= 1
                    certain += found["certain"]
    n = len(rows)
    values = [of(apart, n), of(verdicts["fork"], n), of(parent, n), of(placed, n), of(certain, n)]
    return ["branch apart from its base", "called a fork", "right parent", "within one epoch", "called certain"], [values]


def tables(results, changed):
    watched = results["watched"]
    return {
        title: {"columns": columns, "rows": rows}
        for title, (columns, rows) in {
            "Runs, order and direction, with names hidden": recovered(results["recovered"]),
            "Watch: alarms while nothing happens": false_alarms(watched),
            "Watch: something happens after epoch 20, built-in thresholds": changes(watched, changed, "built-in"),
            "Watch: the same, thresholds by six undisturbed trainings": changes(watched, changed, "own"),
            "Diff and gate: what was made of a base": tuned(results["tuned"]),
            "Runs: a fine-tune on other images that leaves its base after epoch 10": forked(results["forked"]),
        }.items()
    }


def page(tables):
    text = "# Examples: answers held against what happened\n\nWritten by `examples/run.py`; how to read it is in [docs/examples.md](../../docs/examples.md).\n"
    for title, table in tables.items():
        lines = [table["columns"], ["---"] * len(table["columns"]), *table["rows"]]
        text += f"\n## {title}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return text
