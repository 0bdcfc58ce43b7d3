"""scikit-learn's MLPClassifier, an epoch at a time; a .npz per epoch.

python examples/scikit-learn/plain.py OUT SEEDS  ->  OUT/KIND/seed-N/epoch-N.npz
"""

import pathlib
import sys

import numpy
from sklearn.neural_network import MLPClassifier

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
import mnist14  # noqa: E402

IMAGES, EPOCHS = 10_000, 30
KINDS = {
    "sklearn-sgd": {"solver": "sgd", "learning_rate_init": 0.02, "momentum": 0.9},
    "sklearn-adam": {"solver": "adam", "learning_rate_init": 1e-3},
}


def main(out, seeds):
    images, labels = (array[:IMAGES] for array in mnist14.load())
    for kind, options in KINDS.items():
        for seed in range(seeds):
            folder = out / kind / f"seed-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            model = MLPClassifier((32,), batch_size=50, random_state=seed, **options)
            for number in range(1, EPOCHS + 1):
                model.partial_fit(images, labels, classes=numpy.arange(10))
                arrays = {f"coefs_{i}": array for i, array in enumerate(model.coefs_)}
                arrays |= {f"intercepts_{i}": array for i, array in enumerate(model.intercepts_)}
                numpy.savez(folder / f"epoch-{number}.npz", **arrays)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
