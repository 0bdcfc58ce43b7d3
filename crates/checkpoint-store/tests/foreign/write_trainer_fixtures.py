"""Writes what trainers keep beside a model: a folder as Hugging Face's Trainer leaves it, and a
checkpoint as Lightning writes it, of a layer of six weights. Needs torch and safetensors."""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

out = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "trainer")
torch.manual_seed(0)
model = torch.nn.Linear(2, 3)
groups = [{"params": [model.weight], "weight_decay": 0.1}, {"params": [model.bias], "weight_decay": 0.0}]
optimiser = torch.optim.AdamW(groups, lr=2e-3)
schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, step / 8))
for _ in range(4):
    loss = model(torch.ones(1, 2)).square().sum()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    schedule.step()
folder = out / "checkpoint-4"
folder.mkdir(parents=True, exist_ok=True)
save_file(model.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
torch.save(optimiser.state_dict(), folder / "optimizer.pt")
torch.save(schedule.state_dict(), folder / "scheduler.pt")
log = {
    "epoch": 0.5,
    "global_step": 4,
    "train_batch_size": 16,
    "log_history": [
        {"epoch": 0.25, "grad_norm": 1.5, "learning_rate": 5e-4, "loss": 2.5, "step": 2},
        {"epoch": 0.5, "grad_norm": 0.5, "learning_rate": 7.5e-4, "loss": 2.25, "step": 4},
    ],
}
(folder / "trainer_state.json").write_text(json.dumps(log, indent=2))
torch.save(
    {
        "epoch": 1,
        "global_step": 4,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": model.state_dict(),
        "loops": {},
        "callbacks": {},
        "optimizer_states": [optimiser.state_dict()],
        "lr_schedulers": [schedule.state_dict()],
    },
    out / "epoch=1-step=4.ckpt",
)
