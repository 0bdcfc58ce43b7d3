"""Every answer of the command is Python's, of files and of the same weights in memory."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import command

import modeltrail as mt


def test_answers_about_collections_are_the_commands(series):
    folder, held = series
    for question in ("runs", "order", "linkage", "umap", "inspect"):
        expected = command(question, folder)
        assert getattr(mt, question)(folder).to_dict() == expected, question
        if question != "inspect":
            assert getattr(mt, question)(held).to_dict() == expected, question


def test_options_mean_what_they_mean_on_the_command_line(series):
    folder, _ = series
    for arguments, options in [
        (["--runs", 2, "--seed", 3], {"runs": 2, "seed": 3}),
        (["--memory", "1K"], {"memory": "1K"}),
        (["--match", "epoch-[1-4].npz"], {"match": "epoch-[1-4].npz"}),
        (["--map", "exact"], {"map": "exact"}),
    ]:
        assert mt.runs(folder, **options).to_dict() == command("runs", folder, *arguments)
    assert mt.order(folder, space="svd-3").to_dict() == command("order", folder, "--space", "svd-3")
    umap = mt.umap(folder, neighbors=5, min_dist=0.3)
    assert umap.to_dict() == command("umap", folder, "--neighbors", 5, "--min-dist", 0.3)


def test_text_is_the_commands_too(series):
    folder, _ = series
    said = [sys.executable, "-m", "modeltrail", "diff"]
    pair = [str(folder / "seed-1" / f"epoch-{epoch}.npz") for epoch in (1, 2)]
    text = subprocess.run(said + pair, capture_output=True, text=True, check=True).stdout
    assert [line.rstrip() for line in str(mt.diff(*pair)).splitlines()] == text.splitlines()


def test_diff_gate_and_lineage_are_the_commands(series):
    folder, held = series
    a, b = (str(folder / "seed-1" / f"epoch-{epoch}.npz") for epoch in (7, 8))
    other = str(folder / "seed-2" / "epoch-8.npz")
    for first, second in [(a, b), (a, a), (a, other)]:
        expected = command("diff", first, second)
        assert mt.diff(first, second).to_dict() == expected
        in_memory = mt.diff(mt.Checkpoint(held[first], first), mt.Checkpoint(held[second], second)).to_dict()
        if first != second:
            assert in_memory == expected
        expected = command("gate", "--accredited", first, "--candidate", second)
        assert mt.gate(first, second).to_dict() == expected
        expected = command("lineage", first, "--against", second)
        assert mt.lineage(first, second).to_dict() == expected
    history = str(folder / "seed-1")
    expected = command("gate", "--accredited", a, "--candidate", b, "--history", history)
    assert mt.gate(a, b, history=history).to_dict() == expected
    frozen = mt.diff(a, b, expect_frozen=["body.*"])
    assert frozen.to_dict() == command("diff", a, b, "--expect-frozen", "body.*", status=1)
    assert frozen.has_findings
    budget = folder / "budget.toml"
    budget.write_text("[total]\nrelative = 0.001\n[[tensor]]\nname = 'head.*'\nrelative = 0.5\n")
    expected = command("gate", "--accredited", a, "--candidate", b, "--budget", budget, status=1)
    rules = {"relative": 0.001, "tensor": [{"name": "head.*", "relative": 0.5}]}
    judged = mt.gate(a, b, budget=rules).to_dict()
    assert judged == {**expected, "budget": judged["budget"]}
    assert mt.gate(a, b, budget=budget).to_dict() == expected


def test_an_audit_is_the_commands(series, examples, tmp_path):
    folder, held = series
    expected = command("audit", folder, status=0)
    assert mt.audit(folder).to_dict() == expected and mt.audit(folder).is_sound
    broken = examples / "broken"
    files = [tmp_path / "a.xml", tmp_path / "a.html"]
    expected = command("audit", broken, "--junit", files[0], "--html", files[1], status=1)
    found = mt.audit(broken)
    assert found.to_dict() == expected and found.has_findings and not found.is_sound
    assert [found.to_junit(), found.to_html()] == [file.read_text() for file in files]
    assert found.findings[0].kind == "copy" and found.findings[0].step == 600
    assert [row["kind"] for row in found.records()] == [one["kind"] for one in expected["findings"]]
    frozen = command("audit", broken, "--expect-frozen", "*.bias", status=1)
    assert mt.audit(broken, expect_frozen="*.bias").to_dict() == frozen
    one = {name: weights for name, weights in held.items() if "seed-1" in name}
    names = list(one)
    one[names[5]] = one[names[2]]
    assert [finding.kind for finding in mt.audit(one).findings] == ["copy"]
    with pytest.raises(mt.Error):
        mt.audit(list(one.values()))


def test_sketches_that_are_kept_answer_as_the_weights_do(series, tmp_path):
    folder, _ = series
    asked = {"memory": "1K", "cache": tmp_path / "kept"}
    first = mt.runs(folder, **asked)
    assert len(list((tmp_path / "kept").iterdir())) == 16
    assert mt.runs(folder, **asked).to_dict() == first.to_dict() == mt.runs(folder, memory="1K").to_dict()


def test_sketches_and_pages_are_the_commands(series, tmp_path):
    folder, held = series
    expected = command("sketch", folder, "--out", tmp_path / "kept.json")
    sketches = mt.sketch(folder, tmp_path / "own.json")
    assert (tmp_path / "own.json").read_bytes() == (tmp_path / "kept.json").read_bytes()
    assert {**sketches.to_dict(), "out": expected["out"]} == expected
    runs = mt.runs(tmp_path / "kept.json").to_dict()
    assert runs == command("runs", tmp_path / "kept.json")
    names = [[run.order for run in mt.runs(kept)] for kept in (sketches, mt.load_sketches(tmp_path / "own.json"))]
    assert names[0] == names[1] == [run.order for run in mt.runs(tmp_path / "kept.json")]
    with pytest.raises(mt.ExistsError):
        mt.sketch(folder, tmp_path / "own.json")
    expected = command("report", folder, "--out", tmp_path / "a.html")
    page = mt.report(folder, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert {**page.to_dict(), "out": expected["out"]} == expected


def test_a_watch_in_memory_sees_what_the_command_sees_in_a_folder(tmp_path):
    draw = np.random.default_rng(0)
    weights, rate = draw.normal(size=(20, 30)), 0.02
    goal = draw.normal(size=(20, 30))
    watch = mt.Watch()
    events = []
    for step in range(1, 22):
        rate = 0.2 if step == 17 else 0.02
        weights = weights + rate * (goal - weights) + 0.05 * rate * draw.normal(size=weights.shape)
        named = {"weight": weights.astype(np.float32)}
        np.savez(tmp_path / f"step-{step}.npz", **named)
        events.append(watch.push(named, step))
    said = subprocess.run(
        [sys.executable, "-m", "modeltrail", "watch", str(tmp_path), "--once", "--json"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    lines = [json.loads(line) for line in said.splitlines()]
    lines = [line for line in lines if line["kind"] == "checkpoint"]
    assert len(lines) == len(events)
    for line, event in zip(lines, events):
        own = event.to_dict()
        for place in ("path", "position"):
            line.pop(place), own.pop(place)
        assert own == line
    assert events[16].is_alarm and not any(event.is_alarm for event in events[:16])


def test_the_command_of_the_wheel_is_the_command():
    done = subprocess.run([sys.executable, "-m", "modeltrail", "--version"], capture_output=True, text=True)
    assert done.stdout.split() == ["modeltrail", mt.__version__] and done.returncode == 0
    wrong = subprocess.run([sys.executable, "-m", "modeltrail", "nothing"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "unrecognized" in wrong.stderr
    missing = command("runs", "nowhere.npz", status=2)
    assert missing["schema"] == "modeltrail.error/1"


def test_the_command_starts_without_numpy():
    code = "import sys; sys.modules['numpy'] = None; sys.argv = ['modeltrail', '--version']; " + (
        "from modeltrail._command import main; sys.exit(main())"
    )
    environment = {**os.environ}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_digests_are_the_commands_and_those_of_the_same_weights_in_memory(series, tmp_path):
    folder, held = series
    name = str(folder / "seed-1" / "epoch-8.npz")
    expected = command("hash", name)
    found = mt.hash(name)
    assert found.to_dict() == expected
    assert found.root == expected["models"][0]["root"]["blake3"]
    assert mt.hash(mt.Checkpoint(held[name], name)).root == found.root
    kept = tmp_path / "kept.json"
    kept.write_text(found.to_json())
    other = str(folder / "seed-1" / "epoch-7.npz")
    for check in (kept, found, found.to_dict()):
        assert mt.hash(name, check=check).verdict == "same"
        differs = mt.hash(other, check=check)
        assert differs.verdict == "differs" and differs.has_findings
    assert mt.hash(other, check=kept).to_dict() == command("hash", other, "--check", kept, status=1)
    with pytest.raises(mt.Error):
        mt.hash(name, check={"schema": "something else"})


def test_a_digest_is_made_as_the_documents_say(series):
    import hashlib
    import struct

    _, held = series
    state = next(iter(held.values()))
    digests = {}
    for tensor, values in state.items():
        values = np.ascontiguousarray(values, dtype="<f4")
        sides = ",".join(map(str, values.shape))
        header = f"modeltrail.tensor/1\nf32\n{sides}\n".encode()
        digests[tensor] = hashlib.sha256(header + values.tobytes()).digest()
    root = hashlib.sha256(b"modeltrail.model/1\n")
    for tensor, digest in sorted((tensor.encode(), digest) for tensor, digest in digests.items()):
        root.update(struct.pack("<Q", len(tensor)) + tensor + digest)
    model = mt.hash([mt.Checkpoint(state)]).models[0]
    assert model.root.sha256 == root.hexdigest()
    assert {one.name: one.sha256 for one in model.tensors} == {
        tensor: digest.hex() for tensor, digest in digests.items()
    }


def test_trees_are_the_commands(series, tmp_path):
    folder, held = series
    expected = command("tree", folder)
    assert mt.tree(folder).to_dict() == expected
    found = mt.tree(held)
    assert found.to_dict() == expected
    assert found.to_dot().startswith("digraph") and found.to_svg().startswith("<svg")
    assert len(found.records()) == sum(len(family["edges"]) for family in expected["families"])
