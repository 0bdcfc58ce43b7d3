"""Writes the fixtures of checkpoints that several processes write, and of adapters.

    pip install torch numpy ml_dtypes lightning deepspeed peft safetensors
    python write_parallel_fixtures.py [adapters]

Beside them it writes `expected_parallel.json`: what each holds, as the library reads it back. DeepSpeed's
are compared with what its own `zero_to_fp32.py` makes of them. Everything runs on processors, with gloo.
"""

import json
import os
import pathlib
import shutil
import sys
import tempfile

import torch
import torch.distributed as dist
import torch.distributed.checkpoint
import torch.multiprocessing as mp
from torch import nn

from write_fixtures import EXPECTED, ROOT, expect

# ---------------------------------------------------------------------------------------------- ZeRO


class Tied(nn.Module):
    """Odd sizes, so that parts are filled up; a buffer, a frozen weight, a shared one."""

    def __init__(self, frozen):
        super().__init__()
        self.embed = nn.Linear(3, 7, bias=False)
        self.body = nn.Linear(3, 5)
        self.register_buffer("running_var", torch.full((5,), 1.5))
        self.head = nn.Linear(5, 3)
        self.last = nn.Linear(3, 7, bias=False)
        self.last.weight = self.embed.weight
        if frozen:
            self.body.weight.requires_grad = False
            self.head.bias.requires_grad = False

    def forward(self, x):
        x = self.body(self.embed(x)[:, :3])
        return self.last(self.head(x * self.running_var.to(x.dtype)))


def zero(rank, world, port, stage, groups, frozen, out, kept):
    import deepspeed
    import deepspeed.comm.torch

    # Its own shared memory would have to be compiled first.
    sys.modules["deepspeed.comm.torch"].build_shm_op = lambda: None
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world), MASTER_ADDR="127.0.0.1",
                      MASTER_PORT=str(port))
    torch.set_num_threads(1)
    deepspeed.init_distributed(dist_backend="gloo")
    torch.manual_seed(stage)
    model = Tied(frozen)
    trained = [p for p in model.parameters() if p.requires_grad]
    parameters = trained if groups == 1 else [{"params": trained[:2]}, {"params": trained[2:], "lr": 0.02}]
    engine, *_ = deepspeed.initialize(
        model=model,
        optimizer=torch.optim.SGD(parameters, lr=0.01, momentum=0.9),
        config={
            "train_micro_batch_size_per_gpu": 4,
            "bf16": {"enabled": True},
            "zero_optimization": {"stage": stage},
            "zero_allow_untested_optimizer": True,
        },
    )
    for step in range(3):
        torch.manual_seed(100 * step + rank)
        loss = engine(torch.randn(4, 3).bfloat16()).float().square().sum()
        engine.backward(loss)
        engine.step()
    engine.save_checkpoint(out)
    dist.barrier()
    if rank == 0:
        from deepspeed.utils.zero_to_fp32 import get_fp32_state_dict_from_zero_checkpoint

        torch.save(dict(get_fp32_state_dict_from_zero_checkpoint(out)), kept)
    dist.barrier()
    dist.destroy_process_group()


def zeros():
    port = 29610
    for stage, world, groups, frozen in [(1, 2, 2, False), (2, 1, 1, True), (2, 2, 1, True), (3, 2, 2, False),
                                         (3, 2, 1, True), (3, 3, 1, False)]:
        name = f"zero/stage{stage}_world{world}" + ("_frozen" if frozen else "")
        shutil.rmtree(ROOT / name, ignore_errors=True)
        with tempfile.TemporaryDirectory() as out:
            kept = os.path.join(out, "kept.pt")
            port += 1
            mp.spawn(zero, (world, port, stage, groups, frozen, out, kept), nprocs=world)
            (folder,) = pathlib.Path(out).glob("global_step*")
            shutil.copytree(folder, ROOT / name / folder.name)
            shutil.copy(os.path.join(out, "latest"), ROOT / name / "latest")
            tensors = torch.load(kept)
        buffers = [key for key in tensors if "running" in key]
        expect(name, tensors, buffers=buffers, left_out=1, step=3)


# -------------------------------------------------------------------------------- distributed tensors


def tensors():
    torch.manual_seed(7)
    return {"embed": torch.randn(7, 6), "body": torch.randn(5, 4, 3), "bias": torch.randn(5), "one": torch.randn(1, 6)}


def ranks(rank, world, port, mesh, placements, out, kind):
    from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor, init_device_mesh

    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world), MASTER_ADDR="127.0.0.1",
                      MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    names = [f"d{i}" for i in range(len(mesh))]
    device = init_device_mesh("cpu", mesh, mesh_dim_names=names)
    state = tensors()
    if kind == "dtensor":
        own = [Shard(int(p[1:])) if p[0] == "s" else Replicate() for p in placements]
        state = {
            key: distribute_tensor(value, device, [p if p.is_replicate() or p.dim < value.dim() else Replicate() for p in own])
            for key, value in state.items()
        }
        state["plain"] = torch.arange(4.0)
        torch.save({"model": state, "epoch": 3}, os.path.join(out, f"model_world_size_{world}_rank_{rank}.pt"))
    elif kind == "fsdp2_tp":
        from torch.distributed.fsdp import fully_shard
        from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 5), nn.LayerNorm(5))
        full = {key: value.detach().clone() for key, value in model.state_dict().items()}
        parallelize_module(model, device["d1"], {"0": ColwiseParallel(), "2": RowwiseParallel()})
        for layer in (model[0], model[2], model):
            fully_shard(layer, mesh=device["d0"])
        for key, value in model.state_dict().items():
            assert torch.equal(value.full_tensor(), full[key]), key
        torch.save(model.state_dict(), os.path.join(out, f"rank{rank}.pt"))
    elif kind == "sharded":
        from torch.distributed._shard import sharded_tensor
        from torch.distributed._shard.sharded_tensor import Shard as Local

        def shard(value):
            size = -(-value.shape[0] // world)
            begin = min(rank * size, value.shape[0])
            part = value[begin:begin + size].clone()
            places = [begin] + [0] * (value.dim() - 1)
            locals_ = [Local.from_tensor_and_offsets(part, places, rank)] if part.numel() else []
            return sharded_tensor.init_from_local_shards(locals_, *value.shape)

        torch.save({key: shard(value) for key, value in state.items()}, os.path.join(out, f"shard-{rank}.pt"))
    elif kind == "dcp":
        own = [Shard(int(p[1:])) if p[0] == "s" else Replicate() for p in placements]
        state = {
            key: distribute_tensor(value, device, [p if p.is_replicate() or p.dim < value.dim() else Replicate() for p in own])
            for key, value in state.items()
        }
        torch.distributed.checkpoint.save(state, checkpoint_id=out)
    dist.barrier()
    dist.destroy_process_group()


def all_ranks():
    port = 29650
    for name, kind, mesh, placements in [
        ("ranks/rows", "dtensor", (2,), ["s0"]),
        ("ranks/columns", "dtensor", (3,), ["s1"]),
        ("ranks/replicated", "dtensor", (2, 2), ["r", "s1"]),
        ("ranks/both", "dtensor", (2, 2), ["s0", "s1"]),
        ("ranks/twice", "dtensor", (2, 2), ["s0", "s0"]),
        ("ranks/fsdp2_tp", "fsdp2_tp", (2, 2), []),
        ("ranks/sharded", "sharded", (2,), []),
        ("distributed/columns", "dcp", (2,), ["s1"]),
        ("distributed/both", "dcp", (2, 2), ["s0", "s1"]),
    ]:
        out = ROOT / name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        world = 1
        for side in mesh:
            world *= side
        port += 1
        mp.spawn(ranks, (world, port, mesh, placements, str(out), kind), nprocs=world)
        state = tensors()
        epoch = None
        if kind == "dtensor":
            state["plain"] = torch.arange(4.0)
            epoch = 3
        if kind == "fsdp2_tp":
            torch.manual_seed(3)
            state = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 5), nn.LayerNorm(5)).state_dict()
        expect(name, state, epoch=epoch)


# ------------------------------------------------------------------------------------------- adapters


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.first = nn.Linear(8, 6)
        self.second = nn.Linear(6, 8, bias=False)
        self.conv = nn.Conv1d(8, 4, 3)
        self.head = nn.Linear(8, 3)


def adapters():
    import safetensors.torch
    from peft import IA3Config, LoHaConfig, LoraConfig, get_peft_model

    torch.manual_seed(0)
    base = Small()
    out = ROOT / "adapters"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    safetensors.torch.save_file(base.state_dict(), out / "base.safetensors")

    def adapter(name, config, safe=True, unmerged=False):
        torch.manual_seed(1)
        model = Small()
        model.load_state_dict(base.state_dict())
        model = get_peft_model(model, config)
        with torch.no_grad():
            for key, value in model.named_parameters():
                if value.requires_grad:
                    value.normal_(std=0.3)
        model.save_pretrained(out / name, safe_serialization=safe)
        (out / name / "README.md").unlink(missing_ok=True)
        if unmerged:
            torch.save(model.state_dict(), out / f"{name}_unmerged.pt")
        try:
            merged = model.merge_and_unload().state_dict()
        except Exception:
            return
        safetensors.torch.save_file({k: v.contiguous().clone() for k, v in merged.items()}, out / f"{name}_merged.safetensors")

    adapter("plain", LoraConfig(r=4, lora_alpha=6, target_modules=["first", "second"]), unmerged=True)
    adapter("bin", LoraConfig(r=2, lora_alpha=4, target_modules=["first"]), safe=False)
    adapter("rslora", LoraConfig(r=4, lora_alpha=8, use_rslora=True, target_modules=["first", "second"]))
    adapter("patterns", LoraConfig(r=4, lora_alpha=8, rank_pattern={"second": 2}, alpha_pattern={"^first": 3},
                                   target_modules=["first", "second"]))
    adapter("saved", LoraConfig(r=2, lora_alpha=2, target_modules=["first"], modules_to_save=["head"]), unmerged=True)
    adapter("bias", LoraConfig(r=2, lora_alpha=2, target_modules=["first"], bias="all"))
    adapter("lora_bias", LoraConfig(r=2, lora_alpha=6, target_modules=["first"], lora_bias=True))
    adapter("embedding", LoraConfig(r=2, lora_alpha=6, target_modules=["embed", "conv"]))
    adapter("dora", LoraConfig(r=2, lora_alpha=2, use_dora=True, target_modules=["first"]))
    adapter("ia3", IA3Config(target_modules=["first"], feedforward_modules=[]))
    adapter("loha", LoHaConfig(r=2, target_modules=["first"]))
    # Weights stored as (in, out), as GPT-2 has them.
    from transformers.pytorch_utils import Conv1D

    torch.manual_seed(2)
    net = nn.Sequential(Conv1D(6, 8), Conv1D(8, 8))
    safetensors.torch.save_file(net.state_dict(), out / "conv1d_base.safetensors")
    model = get_peft_model(net, LoraConfig(r=3, lora_alpha=6, fan_in_fan_out=True, target_modules=["0", "1"]))
    with torch.no_grad():
        for key, value in model.named_parameters():
            if value.requires_grad:
                value.normal_(std=0.3)
    model.save_pretrained(out / "conv1d")
    (out / "conv1d" / "README.md").unlink(missing_ok=True)
    merged = {k: v.contiguous().clone() for k, v in model.merge_and_unload().state_dict().items()}
    safetensors.torch.save_file(merged, out / "conv1d_merged.safetensors")
    # The same adapter by other factors.
    turned = safetensors.torch.load_file(out / "plain" / "adapter_model.safetensors")
    torch.manual_seed(5)
    turn = torch.randn(4, 4)
    for key in list(turned):
        if "lora_A" in key:
            turned[key] = (turn @ turned[key]).contiguous()
        else:
            turned[key] = (turned[key] @ torch.linalg.inv(turn)).contiguous()
    (out / "turned").mkdir()
    safetensors.torch.save_file(turned, out / "turned" / "adapter_model.safetensors")
    shutil.copy(out / "plain" / "adapter_config.json", out / "turned")


if __name__ == "__main__":
    adapters()
    if sys.argv[1:] == ["adapters"]:
        sys.exit()
    EXPECTED.clear()
    zeros()
    all_ranks()
    path = ROOT / "expected_parallel.json"
    path.write_text(json.dumps(EXPECTED, indent=1, sort_keys=True) + "\n")
    print(f"{len(EXPECTED)} fixtures in {ROOT}")
