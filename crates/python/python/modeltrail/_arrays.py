"""Arrays of NumPy, PyTorch, JAX and Keras as checkpoints that are read in place.

Nothing here imports PyTorch, JAX or Keras: their arrays are known by what they can do.
"""

from __future__ import annotations

import sys
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Tuple

import numpy as np

from . import _modeltrail
from ._errors import ReadError, UsageError

# Keys under which training programs keep the model in a dictionary that holds more.
_MODEL_KEYS = ("state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "params")
# Keys beside it that show that the dictionary is one of a training, and not a model.
_TRAINING_KEYS = ("optimizer", "optimizer_state_dict", "optimizer_states", "lr_schedulers", "scheduler", "epoch",
                  "global_step", "step", "opt_state", "args", "config")
# Fields that claim where a checkpoint is.
_CLAIMS = ("epoch", "step", "global_step", "iteration", "seed")
# Most bytes that an array may seem to have which repeats itself, and so has fewer.
_LARGEST_BROADCAST = 1 << 32
# Deepest nest of dictionaries that is looked into.
_DEEPEST = 100

_Values = Tuple[Any, ...]


def is_module(value: Any) -> bool:
    """Whether it is a network of PyTorch, or behaves as one."""
    return callable(getattr(value, "state_dict", None)) and not isinstance(value, Mapping)


def is_keras(value: Any) -> bool:
    """Whether it is a model or a layer of Keras."""
    weights = getattr(value, "weights", None)
    return isinstance(weights, list) and callable(getattr(value, "get_weights", None))


def is_array(value: Any) -> bool:
    """Whether it is an array of numbers of any library."""
    return isinstance(value, np.ndarray) or (
        hasattr(value, "shape")
        and hasattr(value, "dtype")
        and not isinstance(value, (type, np.generic))
    )


def is_checkpoint(value: Any) -> bool:
    """Whether it is one checkpoint in memory: a network, or a dictionary of arrays, nested or not."""
    return is_module(value) or is_keras(value) or (isinstance(value, Mapping) and _holds_arrays(value))


def _holds_arrays(tree: Mapping[Any, Any]) -> bool:
    """Whether there are arrays right inside, or the dictionary is one of a training."""
    return any(is_array(value) for value in tree.values()) or _model_in(tree) is not None


def _model_in(tree: Mapping[Any, Any]) -> Optional[Mapping[Any, Any]]:
    """The model in a dictionary that a training saved; none if it is no such dictionary."""
    if not any(key in tree for key in _TRAINING_KEYS):
        return None
    for key in _MODEL_KEYS:
        inner = tree.get(key)
        if isinstance(inner, Mapping) and inner:
            return inner
    return None


def arrays_of(
    checkpoint: Any,
    *,
    step: Optional[int] = None,
    epoch: Optional[int] = None,
    run: Optional[str] = None,
    named: bool = True,
) -> _modeltrail.Arrays:
    """The arrays of one checkpoint in memory."""
    arrays = _modeltrail.Arrays()
    if is_module(checkpoint):
        checkpoint = checkpoint.state_dict()
    elif is_keras(checkpoint):
        checkpoint = {getattr(weight, "path", weight.name): weight for weight in checkpoint.weights}
    if not isinstance(checkpoint, Mapping):
        raise UsageError(
            f"{type(checkpoint).__name__} is no checkpoint: give a path, a network, or a dictionary of names "
            "and arrays (`model.state_dict()`)",
        )
    inner = _model_in(checkpoint)
    if inner is not None:
        for key in _CLAIMS:
            value = checkpoint.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                arrays.claim(key, value)
        checkpoint = inner
    for name, value in _leaves(checkpoint):
        _add(arrays, name, value)
    if step is not None:
        arrays.claim("step", _whole(step, "step"))
    if epoch is not None:
        arrays.claim("epoch", _whole(epoch, "epoch"))
    if run is not None:
        arrays.claim_run(str(run))
    if not named:
        arrays.is_unnamed()
    return arrays


def _whole(value: Any, what: str) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number < 2**63:
        raise UsageError(f"{what} is {value!r}: give a whole number, 0 or more")
    return number


def _leaves(tree: Any) -> Iterator[Tuple[str, Any]]:
    """What a nest of dictionaries and lists holds, by names joined with dots, without recursion."""
    pending = [("", tree, 0)]
    while pending:
        prefix, value, depth = pending.pop()
        children: Any = None
        if isinstance(value, Mapping):
            children = value.items()
        elif isinstance(value, (list, tuple)):
            children = enumerate(value)
        if children is None:
            yield prefix or "array", value
            continue
        if depth > _DEEPEST:
            raise UsageError("the dictionaries are nested too deeply, or hold themselves")
        below = [(f"{prefix}.{key}" if prefix else str(key), child, depth + 1) for key, child in children]
        pending.extend(reversed(below))


def _add(arrays: _modeltrail.Arrays, name: str, value: Any) -> None:
    """Adds one value, or notes why it is none of the model's."""
    if is_torch(value):
        _add_torch(arrays, name, value)
        return
    # A variable of Keras 3 holds an array of its backend.
    inner = getattr(value, "value", None)
    if not isinstance(value, np.ndarray) and inner is not None and not callable(inner) and is_array(inner):
        _add(arrays, name, inner)
        return
    if not is_array(value):
        arrays.leave_out(name, f"it is no array but {type(value).__name__}")
        return
    try:
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
    except Exception as error:  # whatever another library raises
        _unread(arrays, name, str(value.dtype), 1, tuple(value.shape), f"{type(error).__name__}: {error}")
        return
    _add_numpy(arrays, name, array)


def _add_numpy(arrays: _modeltrail.Arrays, name: str, array: np.ndarray, dtype: Optional[str] = None) -> None:
    """Adds an array of NumPy; `dtype`: what its bits mean, where NumPy has no type for it."""
    kind = array.dtype.kind
    known = dtype or array.dtype.name
    if isinstance(array, np.ma.MaskedArray):
        arrays.leave_out(name, "it is a masked array")
        return
    if dtype is None and (kind in "OSUMm" or array.dtype.names or array.dtype.subdtype):
        arrays.leave_out(name, f"its type is {array.dtype}")
        return
    big_endian = array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and sys.byteorder == "big")
    size = array.dtype.itemsize
    strides = [stride // size for stride in array.strides] if size else []
    is_plain = size > 0 and all(stride >= 0 and stride % size == 0 for stride in array.strides)
    if array.size == 0:
        array, strides, is_plain = np.zeros(array.shape, np.uint8), None, True  # type: ignore[assignment]
        arrays.add(name, known, max(size, 1), list(array.shape), None, False, (1, 0, array))
        return
    if array.size * size > _LARGEST_BROADCAST and any(
        stride == 0 and side > 1 for stride, side in zip(array.strides, array.shape)
    ):
        raise UsageError(f"{name} repeats few numbers {array.size:,} times: give the array before it was broadcast")
    if is_plain:
        span = 1 + sum((side - 1) * stride for side, stride in zip(array.shape, strides))
        values: _Values = (_address(array), span * size, array)
    else:
        # Backwards, or between the elements of a structure: copied when it is read.
        strides = None  # type: ignore[assignment]
        values = (array.size * size, lambda: _loaded(np.ascontiguousarray(array)))
    arrays.add(name, known, size, list(array.shape), strides, big_endian, values)


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def _loaded(array: np.ndarray) -> Tuple[int, int, np.ndarray]:
    return _address(array), array.nbytes, array


def _unread(
    arrays: _modeltrail.Arrays, name: str, dtype: str, size: int, shape: Tuple[int, ...], why: str
) -> None:
    """Adds an array whose values cannot be had, so that nothing is said of the whole model."""
    elements = 1
    for side in shape:
        elements *= int(side)

    def load() -> Tuple[int, int, Any]:
        raise ReadError(f"{name} cannot be read: {why}", "unsupported")

    dtype = f"{dtype} ({why})"
    arrays.add(name, dtype, size, [int(side) for side in shape], None, False, (elements * size, load))


def is_torch(value: Any) -> bool:
    """Whether it is a tensor of PyTorch, if that was imported."""
    torch = sys.modules.get("torch")
    tensor = getattr(torch, "Tensor", None)
    return tensor is not None and isinstance(value, tensor)


def _add_torch(arrays: _modeltrail.Arrays, name: str, tensor: Any) -> None:
    """Adds a tensor of PyTorch: in place on the CPU, else copied when it is read."""
    torch = sys.modules["torch"]
    dtype = str(tensor.dtype).replace("torch.", "")
    size = int(tensor.element_size()) if hasattr(tensor, "element_size") else 1
    shape = tuple(int(side) for side in tensor.shape)
    if tensor.device.type == "meta":
        _unread(arrays, name, dtype, size, shape, "it is on the meta device and has no values")
        return
    if getattr(tensor, "is_quantized", False):
        _unread(arrays, name, dtype, size, shape, "quantised tensors of PyTorch are not supported")
        return
    bits = _bits(torch, dtype, size)
    if bits is None and dtype not in _TORCH_PLAIN:
        _unread(arrays, name, dtype, size, shape, "its number type is not supported")
        return

    def host(tensor: Any) -> np.ndarray:
        tensor = tensor.detach()
        if tensor.layout != torch.strided:
            tensor = tensor.to_dense()
        tensor = tensor.cpu()
        if hasattr(tensor, "resolve_conj"):
            tensor = tensor.resolve_conj().resolve_neg()
        if bits is not None:
            # An array of no dimensions has no view of another type everywhere.
            tensor = tensor.reshape(1).view(bits).reshape(()) if tensor.dim() == 0 else tensor.view(bits)
        array: np.ndarray = tensor.numpy()
        return array

    is_here = tensor.device.type == "cpu" and tensor.layout == torch.strided
    try:
        if is_here:
            _add_numpy(arrays, name, host(tensor), dtype)
            return
        kept = tensor.detach()
        count = int(tensor.numel())
    except Exception as error:  # of tensors of other libraries: quantised, distributed
        _unread(arrays, name, dtype, size, shape, f"{type(error).__name__}: {error}")
        return
    load: Callable[[], Tuple[int, int, Any]] = lambda: _loaded(np.ascontiguousarray(host(kept)))
    arrays.add(name, dtype, size, list(shape), None, False, (count * size, load))


_TORCH_PLAIN = frozenset(
    "float64 float32 float16 int64 int32 int16 int8 uint8 bool uint16 uint32 uint64 complex64 complex128".split()
)


def _bits(torch: Any, dtype: str, size: int) -> Any:
    """Integers in whose place NumPy holds a type of PyTorch that it does not have."""
    if dtype == "bfloat16":
        return torch.int16
    if dtype.startswith("float8_") and size == 1:
        return torch.uint8
    return None


def state_of(model: Any) -> Dict[str, Any]:
    """The arrays of a network by name, for callbacks that look at it often."""
    if is_module(model):
        return dict(model.state_dict())
    return {getattr(weight, "path", weight.name): weight for weight in model.weights}
