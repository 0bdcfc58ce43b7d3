"""Undisturbed trainings: a file per epoch, in five ways, and one of a file per twenty steps.

python examples/pytorch/plain.py OUT SEEDS  ->  OUT/KIND/seed-N/epoch-N.pt
"""

import pathlib
import sys

import networks
import torch
from networks import adam, batch_norm, dropout, epoch, mlp, sgd

EPOCHS = 30
KINDS = {
    "torch-sgd": (mlp, sgd),
    "torch-adam": (mlp, adam),
    "torch-dropout-adam": (dropout, adam),
    "torch-batchnorm-sgd": (batch_norm, sgd),
    "torch-transformer-adam": (networks.Transformer, adam),
}


def main(out, seeds):
    images, labels = networks.data()
    for kind, (network, optimiser_of) in KINDS.items():
        for seed in range(seeds):
            folder = out / kind / f"seed-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            torch.manual_seed(seed)
            model = network()
            optimiser = optimiser_of(model)
            for number in range(1, EPOCHS + 1):
                epoch(model, optimiser, images, labels)
                torch.save(model.state_dict(), folder / f"epoch-{number}.pt")
    # As a training that can be resumed saves itself: with its optimiser, every twenty steps.
    for seed in range(seeds):
        folder = out / "torch-adam-steps" / f"seed-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        model = mlp()
        optimiser = adam(model)
        for number in range(3):

            def save(step):
                steps = 200 * number + step
                state = {
                    "model": model.state_dict(),
                    "optimizer": optimiser.state_dict(),
                    "global_step": steps,
                }
                torch.save(state, folder / f"step-{steps:04}.pt")

            epoch(model, optimiser, images, labels, 20, save)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
