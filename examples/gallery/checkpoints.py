"""Files as the usual trainers write them; each is written beside its place and then moved there."""

import json
import math
import os
import random
import shutil

import numpy
import safetensors.torch
import torch
from networks import merged


def weights(training):
    """The state dict as it is stored: adapters merged, in bfloat16 where the kind says so."""
    kind, model = training.kind, training.model
    state = merged(model) if kind.adapters else model.state_dict()
    if kind.precision is torch.bfloat16:
        state = {name: tensor.bfloat16() for name, tensor in state.items()}
    return {name_of(kind, name): tensor.contiguous() for name, tensor in state.items()}


def name_of(kind, name):
    """The name in the file of a tensor of the model."""
    if kind.adapters:
        name = name.replace("lora_A", "weight").replace("lora_B", "weight")
        name = name.replace("base_layer.", "")
    return f"model.{name}" if kind.saved == "lightning" else name


def save(training, folder):
    """Writes one checkpoint; the path, within `folder`, of the file that holds the weights."""
    writing = folder.parent / ".writing"
    shutil.rmtree(writing, ignore_errors=True)
    writing.mkdir()
    step, state = training.step, weights(training)
    match training.kind.saved:
        case "transformers":
            name, file = f"checkpoint-{step}", f"checkpoint-{step}/model.safetensors"
            (writing / name).mkdir()
            as_transformers(training, state, writing / name)
        case "lightning":
            name = file = f"epoch={math.ceil(training.epoch) - 1}-step={step}.ckpt"
            torch.save(as_lightning(training, state), writing / name)
        case "pt with optimizer":
            name = file = f"step-{step:05}.pt"
            optimizer = training.optimiser.state_dict()
            torch.save({"model": state, "optimizer": optimizer, "step": step}, writing / name)
        case "pt":
            name = file = f"step-{step:05}.pt"
            torch.save(state, writing / name)
        case "safetensors":
            name = file = f"step-{step:05}.safetensors"
            safetensors.torch.save_file(state, writing / name)
    if training.ema:
        beside = f"step-{step:05}.ema.safetensors"
        safetensors.torch.save_file(training.ema, writing / beside)
        os.replace(writing / beside, folder / beside)
    os.replace(writing / name, folder / name)
    writing.rmdir()
    return f"{folder.name}/{file}"


def as_transformers(training, state, folder):
    """What Hugging Face's Trainer leaves in a checkpoint's folder."""
    safetensors.torch.save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    torch.save(training.optimiser.state_dict(), folder / "optimizer.pt")
    torch.save(training.schedule.state_dict(), folder / "scheduler.pt")
    chance = {
        "python": random.getstate(),
        "numpy": numpy.random.get_state(),
        "cpu": torch.random.get_rng_state(),
    }
    torch.save(chance, folder / "rng_state.pth")
    stops = ("should_epoch_stop", "should_evaluate", "should_log")
    control = dict.fromkeys(stops, False) | {
        "should_save": True,
        "should_training_stop": training.step == training.total,
    }
    content = {
        "best_global_step": None,
        "best_metric": None,
        "best_model_checkpoint": None,
        "epoch": training.epoch,
        "eval_steps": 500,
        "global_step": training.step,
        "is_hyper_param_search": False,
        "is_local_process_zero": True,
        "is_world_process_zero": True,
        "log_history": training.log,
        "logging_steps": training.LOGGING,
        "max_steps": training.total,
        "num_input_tokens_seen": 0,
        "num_train_epochs": math.ceil(training.total * training.kind.batch / len(training.data)),
        "save_steps": training.kind.every,
        "stateful_callbacks": {"TrainerControl": {"args": control, "attributes": {}}},
        "total_flos": 0.0,
        "train_batch_size": training.batch,
        "trial_name": None,
        "trial_params": None,
    }
    text = json.dumps(content, indent=2, sort_keys=True) + "\n"
    (folder / "trainer_state.json").write_text(text)


def as_lightning(training, state):
    """What PyTorch Lightning's ModelCheckpoint writes, without the states of its loops."""
    return {
        "epoch": math.ceil(training.epoch) - 1,
        "global_step": training.step,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": state,
        "loops": {},
        "callbacks": {},
        "optimizer_states": [training.optimiser.state_dict()],
        "lr_schedulers": [training.schedule.state_dict()],
    }
