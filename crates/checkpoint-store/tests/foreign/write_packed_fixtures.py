"""Writes the fixtures of packed weights with the libraries that pack them, and unpacks them with these.

    pip install torch safetensors bitsandbytes torchao compressed-tensors transformers
    python write_packed_fixtures.py

GPTQ's tensors are laid out as AutoGPTQ does, and MLX's as `mlx.core.quantize` does, whose packages need other
hardware; AWQ's are unpacked by the converter of compressed-tensors. Beside the files it writes
`expected_packed.json`: what each holds.
"""

import json
import pathlib

import bitsandbytes
import numpy as np
import safetensors.torch
import torch
import torchao.quantization as ao
from compressed_tensors.compressors.mxfp4.base import MXFP4PackedCompressor
from compressed_tensors.compressors.mxfp8.base import MXFP8QuantizationCompressor
from compressed_tensors.compressors.naive_quantized.base import NaiveQuantizationCompressor
from compressed_tensors.compressors.nvfp4.base import NVFP4PackedCompressor
from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor
from compressed_tensors.entrypoints.convert.converters.autoawq import AutoAWQConverter
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from compressed_tensors.quantization.lifecycle.forward import fake_quantize
from summary import expected
from torchao.prototype.safetensors.safetensors_support import flatten_tensor_state_dict
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

ROOT = pathlib.Path(__file__).parent / "fixtures"
EXPECTED = {}
ELEMENTS = {torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64", torch.int32: "i32"}


def place(path):
    path = ROOT / path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def save(path, tensors, meant, config=None, metadata=None, unread=()):
    """`meant` has (element, values) of what is packed; tensors that are not are what they are."""
    own = place(path)
    safetensors.torch.save_file({name: value.contiguous() for name, value in tensors.items()}, own, metadata)
    own.chmod(0o644)
    if config:
        (own.parent / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    EXPECTED[path] = expected(meant, unread=unread)


def normal(*shape):
    return torch.randn(*shape) * 0.1


def values(tensor):
    return tensor.to(torch.float32).numpy()


def bnb():
    weight, bias = normal(6, 128), normal(6)
    for kind, nested in (("nf4", False), ("nf4", True), ("fp4", True)):
        codes, state = bitsandbytes.functional.quantize_4bit(weight, quant_type=kind, compress_statistics=nested)
        tensors = {"a.weight": codes, "a.bias": bias}
        tensors |= {f"a.weight.{name}": value for name, value in state.as_dict(packed=True).items()}
        meant = bitsandbytes.functional.dequantize_4bit(codes, state)
        name = f"packed/bitsandbytes-{kind}{'-nested' if nested else ''}.safetensors"
        save(name, tensors, {"a.weight": (kind, values(meant)), "a.bias": ("f32", values(bias))})
    codes, scale, _ = bitsandbytes.functional.int8_vectorwise_quant(weight.to(torch.float16))
    meant = bitsandbytes.functional.int8_vectorwise_dequant(codes, scale)
    tensors = {"a.weight": codes, "a.SCB": scale, "a.weight_format": torch.tensor(0, dtype=torch.uint8), "a.bias": bias}
    save("packed/bitsandbytes-int8.safetensors", tensors,
         {"a.weight": ("int8", values(meant)), "a.bias": ("f32", values(bias))})


def torchao():
    for name, config, element in (("int8", ao.Int8WeightOnlyConfig(), "int8"),
                                  ("fp8", ao.Float8WeightOnlyConfig(), "fp8")):
        model = torch.nn.Sequential(torch.nn.Linear(64, 8))
        ao.quantize_(model, config)
        state = model.state_dict()
        tensors, metadata = flatten_tensor_state_dict(state)
        meant = {"0.weight": (element, values(state["0.weight"].dequantize().detach())),
                 "0.bias": ("f32", values(state["0.bias"]))}
        save(f"packed/torchao-{name}.safetensors", tensors, meant, metadata=metadata)
        path = f"packed/torchao-{name}.pt"
        torch.save(state, place(path))
        EXPECTED[path] = expected(meant)


def compressed():
    weight = normal(8, 64)

    def scheme(**arguments):
        return QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(**arguments))

    def write(name, compressor, element, state, own):
        packed = compressor.compress({"weight": weight} | state, own)
        zero = state.get("weight_zero_point")
        if zero is None:
            meant = compressor.decompress(dict(packed), own)["weight"]
        else:
            # Its `decompress` cannot unpack zero points of so small a matrix.
            meant = fake_quantize(weight, state["weight_scale"], zero, own.weights)
        save(f"packed/compressed-{name}.safetensors", {f"a.{key}": value for key, value in packed.items()},
             {"a.weight": (element, values(meant))})

    grouped = weight.reshape(8, 2, 32)
    for bits in (3, 4, 8):
        scale = grouped.abs().amax(-1) / (2 ** (bits - 1) - 1)
        write(f"int{bits}", PackedQuantizationCompressor, f"int{bits}", {"weight_scale": scale},
              scheme(num_bits=bits, type="int", symmetric=True, strategy="group", group_size=32))
    low, high = grouped.amin(-1), grouped.amax(-1)
    scale = (high - low) / 15
    zero = (-8 - low / scale).round().clamp(-8, 7).to(torch.int8)
    write("int4-zero-points", PackedQuantizationCompressor, "int4",
          {"weight_scale": scale, "weight_zero_point": zero},
          scheme(num_bits=4, type="int", symmetric=False, strategy="group", group_size=32))
    scale = weight.abs().amax(1, keepdim=True) / 127
    write("int8-elements", NaiveQuantizationCompressor, "int8", {"weight_scale": scale},
          scheme(num_bits=8, type="int", symmetric=True, strategy="channel"))
    scale = weight.abs().amax(1, keepdim=True) / 448
    write("fp8", NaiveQuantizationCompressor, "fp8", {"weight_scale": scale},
          scheme(num_bits=8, type="float", symmetric=True, strategy="channel"))
    whole = torch.tensor([448 * 6 / weight.abs().max()])
    scale = (weight.reshape(8, 4, 16).abs().amax(-1) / 6 * whole).to(torch.float8_e4m3fn).to(torch.float32)
    write("nvfp4", NVFP4PackedCompressor, "nvfp4", {"weight_scale": scale, "weight_global_scale": whole},
          scheme(num_bits=4, type="float", symmetric=True, strategy="tensor_group", group_size=16))
    scale = torch.exp2((grouped.abs().amax(-1) / 6).log2().ceil())
    write("mxfp4", MXFP4PackedCompressor, "mxfp4", {"weight_scale": scale},
          scheme(num_bits=4, type="float", symmetric=True, strategy="group", group_size=32,
                 scale_dtype=torch.uint8))
    scale = torch.exp2((grouped.abs().amax(-1) / 448).log2().ceil())
    write("mxfp8", MXFP8QuantizationCompressor, "fp8", {"weight_scale": scale},
          scheme(num_bits=8, type="float", symmetric=True, strategy="group", group_size=32,
                 scale_dtype=torch.uint8))


def pack(codes, bits):
    """Words of codes along the last dimension, the first in the lowest bits."""
    parts = codes.reshape(*codes.shape[:-1], -1, 32 // bits).astype(np.uint32)
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    return (parts << shifts).sum(-1, dtype=np.uint32)


def words(array):
    return torch.from_numpy(np.ascontiguousarray(array).view(np.int32))


def gptq():
    random = np.random.default_rng(3)
    outputs, inputs, size = 16, 64, 32
    for name, bits, form, order in (("gptq", 4, "gptq", False), ("gptq-v2", 8, "gptq_v2", False),
                                    ("gptq-order", 4, "gptq", True)):
        codes = random.integers(0, 2 ** bits, (outputs, inputs))
        zeros = random.integers(1, 2 ** bits, (inputs // size, outputs))
        scales = torch.from_numpy(random.random((inputs // size, outputs)).astype(np.float16) / 16)
        groups = np.arange(inputs) // size
        if order:
            groups = random.permutation(groups)
        stored = zeros - (1 if form == "gptq" else 0)
        tensors = {"a.qweight": words(pack(codes, bits).T), "a.qzeros": words(pack(stored, bits)), "a.scales": scales,
                   "a.g_idx": torch.from_numpy(groups.astype(np.int32)), "a.bias": normal(outputs)}
        meant = (codes.T - zeros[groups]) * scales.numpy().astype(np.float32)[groups]
        config = {"quantization_config": {"quant_method": "gptq", "bits": bits, "group_size": size, "desc_act": order,
                                          "sym": False, "checkpoint_format": form}}
        save(f"packed/{name}/model.safetensors", tensors,
             {"a.weight": (f"int{bits}", meant.T), "a.bias": ("f32", values(tensors["a.bias"]))}, config)


def awq():
    random = np.random.default_rng(4)
    outputs, inputs, size = 16, 64, 32
    word = lambda *shape: torch.from_numpy(random.integers(-2 ** 31, 2 ** 31, shape).astype(np.int32))
    scales = torch.from_numpy(random.random((inputs // size, outputs)).astype(np.float16) / 16)
    tensors = {"a.qweight": word(inputs, outputs // 8), "a.qzeros": word(inputs // size, outputs // 8),
               "a.scales": scales}
    converter = AutoAWQConverter(group_size=size)
    weight, scale, zero = converter._convert_gemm_module(tensors["a.qweight"], scales, tensors["a.qzeros"])
    repeat = lambda value: value.to(torch.float32).repeat_interleave(size, dim=1)
    meant = (weight.to(torch.float32) - repeat(zero)) * repeat(scale)
    config = {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": size, "zero_point": True,
                                      "version": "gemm"}}
    save("packed/awq/model.safetensors", tensors, {"a.weight": ("int4", values(meant))}, config)


def mlx():
    random = np.random.default_rng(5)
    outputs, inputs, size = 8, 128, 64
    for bits in (4, 8):
        codes = random.integers(0, 2 ** bits, (outputs, inputs))
        scales = torch.from_numpy(random.random((outputs, inputs // size)).astype(np.float16) / 16)
        biases = torch.from_numpy(random.random((outputs, inputs // size)).astype(np.float16) - 0.5)
        tensors = {"a.weight": torch.from_numpy(pack(codes, bits)), "a.scales": scales, "a.biases": biases}
        repeat = lambda value: value.numpy().astype(np.float32).repeat(size, axis=1)
        meant = codes.astype(np.float32) * repeat(scales) + repeat(biases)
        save(f"packed/mlx-{bits}/model.safetensors", tensors, {"a.weight": (f"int{bits}", meant)},
             {"quantization": {"group_size": size, "bits": bits}})


def experts():
    codes = torch.randint(0, 256, (3, 8, 2, 16), dtype=torch.uint8)
    scales = torch.randint(118, 126, (3, 8, 2), dtype=torch.uint8)
    meant = convert_moe_packed_tensors(codes, scales, dtype=torch.float32)
    tensors = {"mlp.experts.down_proj_blocks": codes, "mlp.experts.down_proj_scales": scales}
    save("packed/mxfp4.safetensors", tensors, {"mlp.experts.down_proj": ("mxfp4", values(meant))})


def blocks():
    weight = normal(160, 130)
    scale = torch.stack([torch.stack([part.abs().max() / 448 for part in row.split(128, 1)])
                         for row in weight.split(128, 0)])
    wide = scale.repeat_interleave(128, 0)[:160].repeat_interleave(128, 1)[:, :130]
    codes = (weight / wide).to(torch.float8_e4m3fn)
    save("packed/fp8-blocks.safetensors", {"a.weight": codes, "a.weight_scale_inv": scale},
         {"a.weight": ("fp8", values(codes.to(torch.float32) * wide))})
    # NVIDIA's ModelOpt: both scales are multiplied with.
    whole = torch.tensor(0.002)
    scale = (torch.rand(4, 2) * 100).to(torch.float8_e4m3fn)
    codes = torch.randint(0, 256, (4, 16), dtype=torch.uint8)
    table = torch.tensor([0.0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
    unpacked = table[torch.stack([codes & 15, codes >> 4], -1).long()].reshape(4, 32)
    meant = unpacked * scale.to(torch.float32).repeat_interleave(16, 1) * whole
    save("packed/modelopt-nvfp4.safetensors",
         {"a.weight": codes, "a.weight_scale": scale, "a.weight_scale_2": whole},
         {"a.weight": ("nvfp4", values(meant))})


def main():
    torch.manual_seed(1)
    for write in (bnb, torchao, compressed, gptq, awq, mlx, experts, blocks):
        write()
    (ROOT / "expected_packed.json").write_text(json.dumps(EXPECTED, indent=1) + "\n")


main()
