"""What a tensor should be read as: shared by the programs that write fixtures of packed weights and converted models."""

import numpy as np


def summary(values):
    """A sum that depends on the order, and the ends."""
    values = np.asarray(values, dtype=np.float32).astype(np.float64).ravel(order="C")
    weights = np.arange(len(values)) % 97 + 1.0
    return {
        "sum": float((values * weights).sum()),
        "first": float(values[0]) if len(values) else 0.0,
        "last": float(values[-1]) if len(values) else 0.0,
    }


def expected(tensors, unread=(), left_out=0, buffers=(), epoch=None, step=None):
    """`tensors` has (element, values) by name; integers and booleans are no weights."""
    return {
        "tensors": {
            name: {"shape": list(np.shape(values)), "element": element}
            | {"role": "buffer" if name in buffers
               else "not float" if element[0] in "iu" and element[1:].isdigit() or element == "bool" else "weight"}
            | summary(values)
            for name, (element, values) in tensors.items()
        },
        "unread": dict(unread),
        "left_out": left_out,
        "run": None,
        "epoch": epoch,
        "step": step,
    }
