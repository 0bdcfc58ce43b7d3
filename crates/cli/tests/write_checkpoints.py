"""Writes tests/checkpoints: two runs of a small network, as PyTorch saves them, and four accidents.

Run it in this folder with PyTorch 2; other versions give other weights, and the README's output with
them.
"""

import os
import shutil

import torch

torch.set_num_threads(1)
torch.manual_seed(99)
inputs = torch.randn(512, 16)
classes = (inputs @ torch.randn(16, 4)).argmax(1)
shutil.rmtree("checkpoints", ignore_errors=True)
for seed in (1, 2):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(16, 24), torch.nn.ReLU(), torch.nn.Linear(24, 4))
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    os.makedirs(f"checkpoints/seed-{seed}")
    for epoch in range(1, 9):
        for batch in torch.randperm(512).split(32):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(inputs[batch]), classes[batch]).backward()
            optimiser.step()
        torch.save(model.state_dict(), f"checkpoints/seed-{seed}/epoch-{epoch}.pt")

# Moved to the other run's folder, renumbered, copied, and cut short.
os.rename("checkpoints/seed-1/epoch-4.pt", "checkpoints/seed-2/epoch-9.pt")
os.rename("checkpoints/seed-2/epoch-3.pt", "checkpoints/seed-2/epoch-10.pt")
shutil.copy("checkpoints/seed-1/epoch-8.pt", "checkpoints/seed-1/best.pt")
with open("checkpoints/seed-2/epoch-8.pt", "rb") as whole:
    with open("checkpoints/seed-2/epoch-11.pt", "wb") as cut:
        cut.write(whole.read()[:900])
