"""Writes the ONNX fixtures with the library of ONNX and the exporter of PyTorch.

    pip install onnx onnxscript torch
    python write_onnx_fixtures.py

Beside the files it writes `expected_onnx.json`: what each holds, as the library reads it back.
"""

import json
import pathlib
import warnings

import ml_dtypes
import numpy as np
import onnx
import safetensors.torch
import torch
from onnx import TensorProto, helper, numpy_helper
from summary import expected

warnings.simplefilter("ignore")
ROOT = pathlib.Path(__file__).parent / "fixtures"
EXPECTED = {}
ELEMENTS = {
    TensorProto.FLOAT: "f32", TensorProto.FLOAT16: "f16", TensorProto.BFLOAT16: "bf16", TensorProto.DOUBLE: "f64",
    TensorProto.INT64: "i64", TensorProto.INT32: "i32", TensorProto.INT8: "i8", TensorProto.UINT8: "u8",
    TensorProto.BOOL: "bool", TensorProto.FLOAT8E4M3FN: "f8_e4m3", TensorProto.FLOAT8E5M2: "f8_e5m2",
}


def place(path):
    path = ROOT / path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def expect(path, unread=(), left_out=0, more=None):
    """What the library reads of a file."""
    model = onnx.load(place(path))
    tensors = {}
    for tensor in model.graph.initializer:
        if tensor.name not in dict(unread):
            values = numpy_helper.to_array(tensor, base_dir=str(place(path).parent)).astype(np.float32)
            tensors[tensor.name] = (ELEMENTS[tensor.data_type], values)
    EXPECTED[path] = expected(tensors | (more or {}), unread=unread, left_out=left_out)


def types():
    values = np.random.default_rng(1).standard_normal((3, 4)).astype(np.float32)
    tensors = []
    for kind, dtype in ((TensorProto.FLOAT, np.float32), (TensorProto.FLOAT16, np.float16),
                        (TensorProto.DOUBLE, np.float64), (TensorProto.BFLOAT16, ml_dtypes.bfloat16),
                        (TensorProto.FLOAT8E4M3FN, ml_dtypes.float8_e4m3fn)):
        tensors.append(numpy_helper.from_array(values.astype(dtype), ELEMENTS[kind]))
    tensors.append(numpy_helper.from_array(np.arange(6, dtype=np.int64), "shape"))
    # Numbers in fields of their own, of which those of floats lie there as they are.
    tensors.append(helper.make_tensor("fields", TensorProto.FLOAT, [2, 6], values.ravel()))
    tensors.append(helper.make_tensor("doubles", TensorProto.DOUBLE, [12], values.ravel().astype(np.float64)))
    tensors.append(helper.make_tensor("halves", TensorProto.FLOAT16, [12], values.ravel()))
    tensors.append(helper.make_tensor("int4", TensorProto.INT4, [8], np.arange(-4, 4)))
    constant = helper.make_node("Constant", [], ["kernel"], value=numpy_helper.from_array(values[:2], "unused"))
    number = helper.make_node("Constant", [], ["epsilon"], value=numpy_helper.from_array(np.float32(1e-5)))
    inner = helper.make_graph([helper.make_node("Constant", [], ["inner"],
                                                value=numpy_helper.from_array(values[1:], "unused"))],
                              "branch", [], [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [2, 4])])
    branch = helper.make_node("If", ["shape"], ["chosen"], then_branch=inner, else_branch=inner_else(inner))
    graph = helper.make_graph([constant, number, branch], "graph", [], [], tensors)
    model = helper.make_model(graph, producer_name="fixtures")
    helper.set_model_props(model, {"epoch": "7"})
    onnx.save(model, place("onnx/types.onnx"))
    expect("onnx/types.onnx", unread=[("halves", [12]), ("int4", [8])], left_out=1,
           more={"kernel": ("f32", values[:2]), "inner": ("f32", values[1:]), "other": ("f32", values[1:])})
    EXPECTED["onnx/types.onnx"]["epoch"] = 7


def inner_else(graph):
    other = onnx.GraphProto()
    other.CopyFrom(graph)
    other.node[0].output[0] = "other"
    other.output[0].name = "other"
    return other


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.fc1 = torch.nn.Linear(16, 24)
        self.fc2 = torch.nn.Linear(24, 24)
        self.fc3 = torch.nn.Linear(24, 8, bias=False)

    def forward(self, x):
        # Without a bias, and of three dimensions, layers become MatMul, with their weights transposed.
        x = self.conv(x).flatten(2)
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


def model():
    torch.manual_seed(5)
    net = Net().eval()
    state = net.state_dict()
    path = place("onnx/net.safetensors")
    safetensors.torch.save_file(state, path)
    path.chmod(0o644)
    torch.onnx.export(net, (torch.zeros(1, 3, 6, 6),), place("onnx/net.onnx"), dynamo=True, external_data=False,
                      verbose=False)
    clean(onnx.load(place("onnx/net.onnx")), "onnx/net.onnx")
    left = sum(1 for node in onnx.load(place("onnx/net.onnx")).graph.node if node.op_type == "Constant")
    expect("onnx/net.onnx", left_out=left)
    loaded = onnx.load(place("onnx/net.onnx"))
    place("onnx/external/net.onnx")
    onnx.save_model(loaded, place("onnx/external/net.onnx"), save_as_external_data=True, size_threshold=0,
                    location="net.onnx.data", all_tensors_to_one_file=True)
    place("onnx/external/net.onnx.data").chmod(0o644)
    expect("onnx/external/net.onnx", left_out=left)


def clean(model, path):
    """Without the stack traces of the exporter, which name paths of this machine."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.metadata_props[:]
    for value in list(model.graph.value_info) + list(model.graph.input) + list(model.graph.output):
        del value.metadata_props[:]
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    del model.metadata_props[:]
    model.doc_string = ""
    onnx.save(model, place(path))


def main():
    types()
    model()
    (ROOT / "expected_onnx.json").write_text(json.dumps(EXPECTED, indent=1) + "\n")


main()
