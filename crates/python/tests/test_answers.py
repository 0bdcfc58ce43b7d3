"""What an answer is to whoever writes Python."""

import pickle

import numpy as np
import pytest
from conftest import walk

import modeltrail as mt


def test_runs_are_a_list_with_orders(series):
    folder, held = series
    runs = mt.runs(held)
    assert len(runs) == 2 and runs.coverage.weights_read == 16 * (16 * 24 + 16 + 4 * 16)
    expected = [f"epoch-{epoch}.npz" for epoch in range(1, 9)]
    for run in runs:
        assert [name.rsplit("/", 1)[-1] for name in run.order] == expected
        assert run.direction in ("forward", "undirected") and len(run.checkpoints) == 8
        assert run.agreement.contradicted is False
    assert not runs.problems and not runs.has_findings
    assert "2 families" in str(runs) and repr(runs) == str(runs)
    assert len(mt.runs({"a": next(iter(held.values()))})) == 1
    _ = folder


def test_names_claims_and_lists():
    weights = list(walk(5, 6))
    by_step = mt.runs({100 * step: one for step, one in enumerate(weights, 1)})
    claims = [place.claimed_position.value for place in by_step[0].checkpoints]
    assert claims == [100, 200, 300, 400, 500, 600]
    unnamed = mt.runs(weights)
    assert all(place.claimed_position is None for place in unnamed[0].checkpoints)
    sketches = [mt.sketch(one) for one in weights]
    assert len(mt.runs(sketches)[0].order) == 6
    claimed = mt.Checkpoint(weights[0], name="first", step=7, run="mine")
    place = mt.runs([claimed, *weights[1:]]).to_dict()["groups"][0]["runs"][0]["checkpoints"]
    first = next(one for one in place if one["name"] == "first")
    assert first["claimed_position"]["value"] == 7 and first["claimed_run"]["value"] == "mine"


def test_a_notebook_shows_a_table_with_escaped_names(series):
    _, held = series
    name = "<script>alert(1)</script>\n"
    shown = mt.runs({name: next(iter(held.values())), "b": list(held.values())[1]})._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown and "<table>" in shown
    for answer in (mt.inspect(held), mt.umap(held), mt.linkage(held), mt.order(held)):
        assert "<table>" in answer._repr_html_()


def test_answers_are_frames(series):
    pandas = pytest.importorskip("pandas")
    _, held = series
    frame = mt.runs(held).to_pandas()
    assert isinstance(frame, pandas.DataFrame) and len(frame) == 16 and set(frame["run"]) == {0, 1}
    pair = list(held.values())[:2]
    assert sorted(mt.diff(*pair).to_pandas()["name"]) == ["body.bias", "body.weight", "head.weight"]


def test_diff_gate_and_lineage_have_their_words():
    weights = list(walk(6, 9))
    found = mt.diff(weights[0], weights[0])
    assert found.kind == "identical" and all(tensor.frozen for tensor in found.tensors)
    assert mt.diff(weights[0], weights[1]).relative_distance > 0
    judged = mt.gate(weights[-2], weights[-1], budget={"relative": 10.0})
    assert judged.is_within and judged.verdict == "within" and judged.limits[0].status == "within"
    assert "<testsuite" in judged.to_junit()
    assert mt.gate(weights[0], weights[-1], budget={"relative": 0.001}).has_findings
    origin = mt.lineage(weights[-1], {"near": weights[-2], "far": next(walk(9, 1))})
    assert origin.verdict in ("derived", "shared_start") and origin.nearest == "near"


def test_unknown_attributes_are_attribute_errors(series):
    _, held = series
    runs = mt.runs(held)
    for one in (runs, runs[0], runs.coverage):
        with pytest.raises(AttributeError):
            one.nothing_of_the_sort
    with pytest.raises(AttributeError):
        runs.coverage.weights_read = 0
    with pytest.raises(AttributeError):
        mt.nothing_of_the_sort


def test_sketches_pickle_and_go_through_json():
    kept = mt.sketch(mt.Checkpoint(next(walk(1, 1)), name="a", step=3))
    for other in (pickle.loads(pickle.dumps(kept)), mt.Sketch.from_dict(kept.to_dict())):
        assert other == kept and other.name == "a"
    with pytest.raises(mt.UsageError):
        mt.Sketch.from_dict({"name": "a"})
    broken = kept.to_dict()
    broken["sketch"]["values"] = broken["sketch"]["values"][1:]
    with pytest.raises(mt.UsageError):
        mt.Sketch.from_dict(broken)
    assert isinstance(kept.values, np.ndarray) and kept.values.dtype == np.float32


def test_matrices_come_back_as_arrays():
    points = np.random.default_rng(0).normal(size=(40, 12)).astype("f4")
    found = mt.svd(points, 5)
    exact = points.astype("f8")
    expected = np.linalg.svd(exact, compute_uv=False)[:5]
    assert np.allclose(found.singular_values, expected, rtol=1e-4)
    assert found.coordinates.shape == (40, 5) and found.directions.shape == (5, 12)
    assert np.allclose(np.abs(exact @ found.directions.T), np.abs(found.coordinates), atol=1e-4)
    merges = mt.linkage(points)
    distances = np.sqrt(((points[:, None].astype("f8") - points) ** 2).sum(-1))
    inside, heights = {0}, []
    while len(inside) < 40:  # Prim's algorithm
        rest = [i for i in range(40) if i not in inside]
        nearest = min((distances[i, j], j) for i in inside for j in rest)
        heights.append(nearest[0])
        inside.add(nearest[1])
    assert merges.shape == (39, 4) and np.allclose(merges[:, 2], sorted(heights), rtol=1e-5)
    plane = mt.umap(points, neighbors=5)
    assert plane.shape == (40, 2) and np.array_equal(plane, mt.umap(points[::-1][::-1], neighbors=5))
    for wrong in (points[0], points[:0], points.astype(object), points.astype(complex)):
        with pytest.raises(mt.UsageError):
            mt.svd(wrong, 2)
    with pytest.raises(mt.Error):
        mt.svd(np.full((3, 3), np.nan), 2)
