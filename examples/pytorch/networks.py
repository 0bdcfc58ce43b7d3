"""Small networks for 14x14 images, and one epoch of training."""

import pathlib
import sys

import torch
from torch import nn

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
import mnist14  # noqa: E402

torch.set_num_threads(1)
IMAGES = 10_000
BATCH = 50


def data(name="mnist14"):
    images, labels = mnist14.load(name)
    return torch.from_numpy(images[:IMAGES]), torch.from_numpy(labels[:IMAGES])


def mlp():
    return nn.Sequential(nn.Linear(196, 32), nn.ReLU(), nn.Linear(32, 10))


def wide():
    return nn.Sequential(
        nn.Linear(196, 300), nn.ReLU(), nn.Linear(300, 300), nn.ReLU(), nn.Linear(300, 10)
    )


def dropout():
    return nn.Sequential(
        nn.Linear(196, 32), nn.ReLU(), nn.Dropout(0.3),
        nn.Linear(32, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 10),
    )  # fmt: skip


def batch_norm():
    return nn.Sequential(
        nn.Unflatten(1, (1, 14, 14)),
        nn.Conv2d(1, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


class Transformer(nn.Module):
    """Each row of the image is a token."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(14, 16)
        self.position = nn.Parameter(0.02 * torch.randn(14, 16))
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, images):
        tokens = self.embed(images.view(-1, 14, 14)) + self.position
        return self.head(self.block(tokens).mean(1))


def sgd(model, rate=0.02):
    return torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)


def adam(model, rate=1e-3):
    return torch.optim.Adam(model.parameters(), lr=rate)


def epoch(model, optimiser, images, labels, every=None, save=None):
    """Trains once through the images; `save` is called after every so many steps."""
    model.train()
    for step, batch in enumerate(torch.randperm(len(images)).split(BATCH), 1):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
        optimiser.step()
        if every and step % every == 0:
            save(step)
