"""Writes the GGUF fixtures with llama.cpp's own Python package.

    pip install gguf safetensors
    python write_gguf_fixtures.py

The models are converted as llama.cpp's `convert_hf_to_gguf.py` does: names by gguf's tensor mapping, the
rows of queries and keys of Llama moved, the gains of Gemma one larger, experts stacked. Beside the files it
writes `expected_gguf.json`: what each holds, as the package unpacks it.
"""

import json
import pathlib

import gguf
import numpy as np
import safetensors.numpy
from gguf import GGMLQuantizationType as T
from summary import expected

ROOT = pathlib.Path(__file__).parent / "fixtures"
EXPECTED = {}
RANDOM = np.random.default_rng(7)


def place(path):
    path = ROOT / path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def normal(*shape, scale=0.1):
    return (RANDOM.standard_normal(shape) * scale).astype(np.float32)


def blocks(kind, rows, columns):
    """Bytes of blocks whose codes are random and whose scales are small."""
    values, size = gguf.GGML_QUANT_SIZES[kind]
    per_row = columns // values
    data = RANDOM.integers(0, 256, (rows * per_row, size), dtype=np.uint8)
    halves = {T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208], T.IQ4_NL: [0],
              T.IQ4_XS: [0], T.MXFP4: []}[kind]
    for at in halves:
        scale = (RANDOM.random(len(data)) * 0.01 + 0.001).astype(np.float16)
        data[:, at:at + 2] = scale.view(np.uint8).reshape(-1, 2)
    if kind == T.MXFP4:
        data[:, 0] = RANDOM.integers(118, 126, len(data))
    return data.reshape(rows, per_row * size)


def types():
    """Every type that is read, and one that is not."""
    writer = gguf.GGUFWriter(place("gguf/types.gguf"), "nobodys")
    writer.add_array("tokenizer.ggml.tokens", ["a", "b", "c"])
    writer.add_array("nested.numbers", [1, 2, 3])
    tensors = {}

    def add(name, element, data, values, kind):
        writer.add_tensor(name, data, raw_dtype=kind)
        tensors[name] = (element, values)

    plain = normal(4, 256)
    ternary = gguf.quantize(plain, T.TQ2_0)
    writer.add_tensor("tq2_0", ternary, raw_dtype=T.TQ2_0)
    add("f32", "f32", plain, plain, T.F32)
    add("f16", "f16", plain.astype(np.float16), plain.astype(np.float16), T.F16)
    bf16 = gguf.quantize(plain, T.BF16)
    add("bf16", "bf16", bf16, gguf.dequantize(bf16, T.BF16), T.BF16)
    add("f64", "f64", plain.astype(np.float64), plain.astype(np.float64), T.F64)
    whole = RANDOM.integers(-100, 100, 15)
    for kind in ("I8", "I16", "I32", "I64"):
        data = whole.astype("int" + kind[1:])
        add(kind.lower(), kind.lower(), data, data, T[kind])
    for kind in (T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0):
        data = gguf.quantize(plain, kind)
        add(kind.name.lower(), kind.name.lower(), data, gguf.dequantize(data, kind), kind)
    for kind in (T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K, T.IQ4_NL, T.IQ4_XS, T.MXFP4):
        data = blocks(kind, 4, 512)
        add(kind.name.lower(), kind.name.lower(), data, gguf.dequantize(data, kind), kind)
    # Without padding behind it, so that no byte of the file can be missed.
    add("last", "f32", plain, plain, T.F32)
    finish(writer)
    EXPECTED["gguf/types.gguf"] = expected(tensors, unread={"tq2_0": [4, 256]})


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def permute(weights, heads):
    """`LlamaModel.permute` of the converter."""
    shape = weights.shape
    return weights.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def convert(name, arch, model, *, layers, heads, kv_heads, kind=None, change=lambda name, value: value,
            undone=lambda name, value: value, experts=None):
    """Writes a model as safetensors and as GGUF; matrices of this kind, and the rest as f32."""
    original = place(f"gguf/{name.split('-')[0]}.safetensors")
    safetensors.numpy.save_file(model, original)
    original.chmod(0o644)
    writer = gguf.GGUFWriter(place(f"gguf/{name}.gguf"), arch)
    writer.add_block_count(layers)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    if experts:
        writer.add_expert_count(experts)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH_NAMES_BY_NAME[arch], layers)
    tensors, stacked = {}, {}
    for key, value in model.items():
        changed = change(key, value)
        parts = key.split(".")
        if "experts" in parts:
            number = parts.index("experts") + 1
            merged = ".".join(parts[:number] + parts[number + 1:])
            stacked.setdefault(merged, []).append((key, changed))
            continue
        own = names.get_name(key, try_suffixes=(".weight", ".bias"))
        tensors[key] = add(writer, own, changed, kind, lambda v, key=key: undone(key, v))
    for merged, each in stacked.items():
        own = names.get_name(merged, try_suffixes=(".weight",))
        whole = np.stack([value for _, value in each])
        element, values = add(writer, own, whole, kind, lambda v: v)
        for (key, _), value in zip(each, values):
            tensors[key] = (element, value)
    finish(writer)
    EXPECTED[f"gguf/{name}.gguf"] = expected(tensors)


def add(writer, own, value, kind, undone):
    assert own, "a name that gguf does not know"
    if kind is None or value.ndim < 2:
        writer.add_tensor(own, value)
        return "f32", undone(value)
    data = gguf.quantize(value, kind)
    writer.add_tensor(own, data, raw_dtype=kind)
    element = {T.F16: "f16"}.get(kind, kind.name.lower())
    return element, undone(gguf.dequantize(data, kind))


def llama(width=32, inner=64, heads=4, kv_heads=2, layers=1, vocabulary=20, sandwich=False, experts=0):
    model = {"model.embed_tokens.weight": normal(vocabulary, width)}
    for layer in range(layers):
        at = f"model.layers.{layer}."
        kv = width // heads * kv_heads
        model[at + "self_attn.q_proj.weight"] = normal(width, width)
        model[at + "self_attn.k_proj.weight"] = normal(kv, width)
        model[at + "self_attn.v_proj.weight"] = normal(kv, width)
        model[at + "self_attn.o_proj.weight"] = normal(width, width)
        if experts:
            model[at + "block_sparse_moe.gate.weight"] = normal(experts, width)
            for expert in range(experts):
                for part, shape in (("w1", (inner, width)), ("w2", (width, inner)), ("w3", (inner, width))):
                    model[at + f"block_sparse_moe.experts.{expert}.{part}.weight"] = normal(*shape)
        else:
            model[at + "mlp.gate_proj.weight"] = normal(inner, width)
            model[at + "mlp.up_proj.weight"] = normal(inner, width)
            model[at + "mlp.down_proj.weight"] = normal(width, inner)
        norms = ["input_layernorm", "post_attention_layernorm"]
        if sandwich:
            norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
        for norm in norms:
            model[at + norm + ".weight"] = normal(width)
    model["model.norm.weight"] = normal(width)
    if not sandwich:
        model["lm_head.weight"] = normal(vocabulary, width)
    return model


def moved(heads, kv_heads):
    def change(name, value):
        if ".q_proj." in name:
            return permute(value, heads)
        return permute(value, kv_heads) if ".k_proj." in name else value

    def undone(name, value):
        # Packing works along rows, so that it does not matter in which order these lie.
        if ".q_proj." in name or ".k_proj." in name:
            own = heads if ".q_proj." in name else kv_heads
            shape = value.shape
            return value.reshape(own, shape[0] // own // 2, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)
        return value

    return {"change": change, "undone": undone}


def shifted():
    one = np.float32(1)
    is_norm = lambda name: name.endswith("norm.weight")
    return {
        "change": lambda name, value: value + one if is_norm(name) else value,
        "undone": lambda name, value: value - one if is_norm(name) else value,
    }


def gpt2(width=32, layers=1):
    model = {"transformer.wte.weight": normal(20, width), "transformer.wpe.weight": normal(8, width)}
    for layer in range(layers):
        at = f"transformer.h.{layer}."
        for part, rows, columns in (("attn.c_attn", width, 3 * width), ("attn.c_proj", width, width),
                                    ("mlp.c_fc", width, 4 * width), ("mlp.c_proj", 4 * width, width)):
            model[at + part + ".weight"] = normal(rows, columns)
            model[at + part + ".bias"] = normal(columns)
        for part in ("ln_1", "ln_2"):
            model[at + part + ".weight"] = normal(width)
            model[at + part + ".bias"] = normal(width)
    model["transformer.ln_f.weight"] = normal(width)
    model["transformer.ln_f.bias"] = normal(width)
    return model


def neox(width=32, heads=4):
    model = {"gpt_neox.embed_in.weight": normal(20, width)}
    at = "gpt_neox.layers.0."
    for part, rows, columns in (("attention.query_key_value", 3 * width, width), ("attention.dense", width, width),
                                ("mlp.dense_h_to_4h", 4 * width, width), ("mlp.dense_4h_to_h", width, 4 * width)):
        model[at + part + ".weight"] = normal(rows, columns)
        model[at + part + ".bias"] = normal(rows)
    for part in (at + "input_layernorm", at + "post_attention_layernorm", "gpt_neox.final_layer_norm"):
        model[part + ".weight"] = normal(width)
        model[part + ".bias"] = normal(width)
    model["embed_out.weight"] = normal(20, width)

    def change(name, value):
        # As `GPTNeoXModel.modify_tensors`: those of a head together become all queries, keys, values.
        if "query_key_value" in name:
            return value.reshape(heads, 3, -1, *value.shape[1:]).swapaxes(0, 1).reshape(value.shape)
        return value

    def undone(name, value):
        if "query_key_value" in name:
            return value.reshape(3, heads, -1, *value.shape[1:]).swapaxes(0, 1).reshape(value.shape)
        return value

    return model, {"change": change, "undone": undone}


def bert(width=32):
    model = {"embeddings.word_embeddings.weight": normal(20, width),
             "embeddings.position_embeddings.weight": normal(8, width),
             "embeddings.token_type_embeddings.weight": normal(2, width)}
    at = "encoder.layer.0."
    for part, rows, columns in (("attention.self.query", width, width), ("attention.self.key", width, width),
                                ("attention.self.value", width, width), ("attention.output.dense", width, width),
                                ("intermediate.dense", 64, width), ("output.dense", width, 64)):
        model[at + part + ".weight"] = normal(rows, columns)
        model[at + part + ".bias"] = normal(rows)
    for part in ("embeddings.LayerNorm", at + "attention.output.LayerNorm", at + "output.LayerNorm"):
        model[part + ".weight"] = normal(width)
        model[part + ".bias"] = normal(width)
    return model


def main():
    gguf.MODEL_ARCH_NAMES_BY_NAME = {name: arch for arch, name in gguf.MODEL_ARCH_NAMES.items()}
    types()
    model = llama(layers=2)
    for name, kind in (("llama", T.Q8_0), ("llama-f16", T.F16)):
        convert(name, "llama", model, layers=2, heads=4, kv_heads=2, kind=kind, **moved(4, 2))
    convert("mixtral", "llama", llama(experts=3), layers=1, heads=4, kv_heads=2,
            kind=T.Q4_0, experts=3, **moved(4, 2))
    convert("gemma2", "gemma2", llama(sandwich=True), layers=1, heads=4, kv_heads=2,
            **shifted())
    transposed = lambda name, value: value.T.copy() if value.ndim == 2 and ".h." in name else value
    convert("gpt2", "gpt2", gpt2(), layers=1, heads=4, kv_heads=4, change=transposed)
    model, changes = neox()
    convert("neox", "gptneox", model, layers=1, heads=4, kv_heads=4, kind=T.Q5_1, **changes)
    convert("bert", "bert", bert(), layers=1, heads=4, kv_heads=4, kind=T.Q4_1)
    (ROOT / "expected_gguf.json").write_text(json.dumps(EXPECTED, indent=1) + "\n")


main()
