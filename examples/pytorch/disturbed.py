"""Trainings that something happens to after epoch 20, beside the same training left alone.

python examples/pytorch/disturbed.py OUT SEEDS  ->  OUT/OPTIMISER/DISTURBANCE/seed-N/epoch-N.pt
"""

import copy
import pathlib
import sys

import networks
import torch
from networks import adam, epoch, mlp, sgd

BEFORE, EPOCHS = 20, 30


def main(out, seeds):
    images, labels = networks.data()
    turned = torch.from_numpy(networks.mnist14.rotated(images.numpy()))
    other = networks.data("fashion14")

    for name, optimiser_of in (("sgd", sgd), ("adam", adam)):
        for seed in range(seeds):
            torch.manual_seed(seed)
            model = mlp()
            optimiser = optimiser_of(model)
            first = []
            for _ in range(BEFORE):
                epoch(model, optimiser, images, labels)
                first.append(copy.deepcopy(model.state_dict()))
            state = copy.deepcopy(optimiser.state_dict())
            chance = torch.get_rng_state()

            def go_on(disturbance, images, labels, rate=1.0, keeps_state=True):
                torch.set_rng_state(chance)
                model.load_state_dict(first[-1])
                optimiser = optimiser_of(model)
                if keeps_state:
                    optimiser.load_state_dict(copy.deepcopy(state))
                for group in optimiser.param_groups:
                    group["lr"] *= rate
                folder = out / name / disturbance / f"seed-{seed}"
                folder.mkdir(parents=True, exist_ok=True)
                for number, weights in enumerate(first, 1):
                    torch.save(weights, folder / f"epoch-{number}.pt")
                for number in range(BEFORE + 1, EPOCHS + 1):
                    epoch(model, optimiser, images, labels)
                    torch.save(model.state_dict(), folder / f"epoch-{number}.pt")

            go_on("nothing", images, labels)
            go_on("lost-optimiser-state", images, labels, keeps_state=False)
            go_on("learning-rate-tenth", images, labels, rate=0.1)
            go_on("learning-rate-triple", images, labels, rate=3.0)
            go_on("turned-images", turned, labels)
            go_on("other-images", *other)
            go_on("shuffled-labels", images, labels[torch.randperm(len(labels))])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
