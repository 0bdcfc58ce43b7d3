"""Arrays of any type, shape and order are read as they are."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import modeltrail as mt

FLOATS = ["<f2", "<f4", "<f8", ">f2", ">f4", ">f8"]
OTHERS = ["<i2", ">i4", "<i8", "<u2", "<u4", ">u8", "?"]


def views(draw, array):
    """The array as it is, transposed, backwards, every second, or broadcast."""
    how = draw(st.sampled_from(["plain", "transposed", "backwards", "second", "fortran", "broadcast", "read-only"]))
    if how == "transposed":
        return array.T
    if how == "backwards" and array.ndim:
        return array[::-1]
    if how == "second" and array.ndim:
        return array[..., ::2]
    if how == "fortran":
        return np.asfortranarray(array)
    if how == "broadcast":
        return np.broadcast_to(array, (2, *array.shape))
    if how == "read-only":
        array = array.copy()
        array.flags.writeable = False
    return array


@st.composite
def any_array(draw):
    dtype = np.dtype(draw(st.sampled_from(FLOATS)))
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6))
    width = 8 * dtype.itemsize
    finite = st.floats(-100, 100, width=width)
    array = draw(arrays.arrays(dtype, shape, elements=finite, fill=finite))
    return views(draw, array)


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_array())
def test_a_random_array_is_read_in_row_major_order_whatever_it_is(array):
    plain = np.ascontiguousarray(array, np.float32).reshape(array.shape)
    # One more tensor, so that an empty or zero array is not all that there is.
    own = {"w": array, "one": np.ones(3, "f4")}
    copy = {"w": plain, "one": np.ones(3, "f4")}
    found = mt.diff(own, copy)
    total = found.total.change
    assert total.distance == 0.0 and total.elements == array.size + 3
    norm = math.sqrt(float((plain.astype(np.float64) ** 2).sum()) + 3)
    assert math.isclose(total.norm_a, norm, rel_tol=1e-9)
    first, second = mt.sketch(own), mt.sketch(copy)
    assert np.array_equal(first.values, second.values)
    if array.size > 1:
        moved = plain.reshape(-1).copy()
        moved[0], moved[-1] = moved[-1] + 1, moved[0] - 2
        moved = moved.reshape(array.shape)
        apart = math.sqrt(float(((moved.astype(np.float64) - plain) ** 2).sum()))
        distance = mt.diff(own, {**copy, "w": moved}).total.change.distance
        assert math.isclose(distance, apart, rel_tol=1e-6, abs_tol=1e-9)


@pytest.mark.parametrize("dtype", OTHERS)
def test_integers_and_booleans_are_no_weights(dtype):
    found = mt.inspect({"w": np.ones(3, "f4"), "n": np.ones((2, 2), dtype)})
    roles = {row["tensor"]: row["role"] for row in found.records()}
    assert roles == {"w": "weight", "n": "not_float"}


@pytest.mark.parametrize("dtype", ["i1", "u1"])
def test_bytes_may_be_packed_weights_and_are_named(dtype):
    found = mt.diff({"w": np.ones(3, "f4"), "n": np.ones((2, 2), dtype)}, {"w": np.ones(3, "f4"), "n": np.zeros((2, 2), dtype)})
    assert found.coverage.unread[0].tensor == "n" and found.kind != "identical"


@pytest.mark.parametrize("dtype", ["c8", "c16", np.longdouble])
def test_types_that_are_not_supported_are_named_and_no_verdict_is_given(dtype):
    weights = {"w": np.ones(3, "f4"), "c": np.ones(2, dtype)}
    other = {"w": np.ones(3, "f4"), "c": np.full(2, 2, dtype)}
    found = mt.diff(weights, other)
    assert found.kind != "identical"
    assert [one.tensor for one in found.coverage.unread][:1] == ["c"]
    with pytest.raises(mt.UnreadError) as caught:
        mt.sketch(weights)
    assert caught.value.kind == "unread" and "c" in caught.value.message
    assert mt.sketch(weights, allow_unread=True).name


def test_bfloat16_and_float8_are_read_by_their_bits():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = np.array([0.0, 1.0, -2.5, 3.0], np.float32)
    for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        small = values.astype(getattr(ml_dtypes, name))
        assert mt.diff({"w": small}, {"w": small.astype(np.float32)}).total.change.distance == 0.0


def test_what_is_no_array_is_left_out_and_counted():
    odd = {
        "w": np.ones(3, "f4"),
        "epoch": 3,
        "name": "text",
        "nothing": None,
        "objects": np.array([object()]),
        "texts": np.array(["a"]),
        "when": np.array(["2020-01-01"], "M8[D]"),
        "record": np.zeros(2, [("a", "f4")]),
    }
    found = mt.inspect(odd).to_dict()["checkpoints"][0]
    assert [tensor["name"] for tensor in found["tensors"]] == ["w"]
    assert len(found["left_out"]) == 7


def test_nests_of_dictionaries_are_flattened():
    tree = {"params": {"dense": {"kernel": np.ones((2, 3), "f4"), "bias": [np.zeros(3, "f4")]}}}
    names = {row["tensor"] for row in mt.inspect([mt.Checkpoint(tree)]).records()}
    assert names == {"params.dense.kernel", "params.dense.bias.0"}
    saved = {"model": {"w": np.ones(3, "f4")}, "optimizer": {"m": np.ones(3, "f4")}, "epoch": 5}
    found = mt.inspect(saved).to_dict()["checkpoints"][0]
    assert [tensor["name"] for tensor in found["tensors"]] == ["w"] and found["epoch"]["value"] == 5
    loop = {"w": np.ones(2, "f4")}
    loop["self"] = loop
    with pytest.raises(mt.UsageError):
        mt.inspect(loop)


def test_large_arrays_are_not_copied():
    resource = pytest.importorskip("resource")
    weights = {f"layer.{i}": np.ones((1024, 1024), "f4") for i in range(64)}
    mt.sketch({"w": np.ones(10, "f4")})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mt.sketch(weights)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 64 << 20, f"{grown >> 20} MiB more for 256 MiB of weights"
