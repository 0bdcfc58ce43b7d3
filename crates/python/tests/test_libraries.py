"""PyTorch, safetensors, Transformers, Lightning and Keras as they are: for the full check."""

import os

import numpy as np
import pytest
from conftest import command

import modeltrail as mt

pytestmark = pytest.mark.libraries


@pytest.fixture
def torch():
    module = pytest.importorskip("torch")
    module.manual_seed(0)
    return module


def network(torch, seed=0):
    torch.manual_seed(seed)
    nn = torch.nn
    return nn.Sequential(nn.Linear(12, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 4))


def test_tensors_of_every_type_are_read_in_place(torch):
    values = torch.tensor([[0.0, 1.0, -2.5], [3.0, 0.5, 4.0]])
    eights = [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]
    for dtype in [torch.float64, torch.float32, torch.float16, torch.bfloat16, *eights]:
        small = values.to(dtype)
        for one in (small, small.T, small[:, ::2], small[0, 0], small.clone().requires_grad_()):
            plain = one.detach().to(torch.float32).contiguous().numpy()
            found = mt.diff({"w": one, "v": values}, {"w": plain, "v": values.numpy()})
            assert found.total.change.distance == 0.0 and found.total.change.elements == one.numel() + 6
    for odd in (values.to(torch.complex64), values.to("meta"), torch.quantize_per_tensor(values, 0.1, 0, torch.qint8)):
        assert mt.inspect({"w": odd, "v": values}).coverage.unread[0].tensor == "w"
    sparse = mt.diff({"w": values.to_sparse(), "v": values}, {"w": values, "v": values})
    assert sparse.total.change.distance == 0.0


def alike(a, b):
    """The same but for sums of the same numbers in another order."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(alike, a, b))
    return a == (pytest.approx(b, rel=1e-9) if isinstance(b, float) else b)


def test_a_network_is_what_its_file_is(torch, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    base, tuned = network(torch), network(torch)
    with torch.no_grad():
        tuned[3].weight += 0.01 * torch.randn_like(tuned[3].weight)
        tuned[1].running_mean += 1
    for name, model in [("base", base), ("tuned", tuned)]:
        torch.save(model.state_dict(), tmp_path / f"{name}.pt")
        safetensors.save_file(model.state_dict(), str(tmp_path / f"{name}.safetensors"))
    for ending in ("pt", "safetensors"):
        a, b = (str(tmp_path / f"{name}.{ending}") for name in ("base", "tuned"))
        expected = command("diff", a, b)
        in_memory = mt.diff(mt.Checkpoint(base, a), mt.Checkpoint(tuned, b)).to_dict()
        for found in (in_memory, expected):
            found["tensors"].sort(key=lambda tensor: tensor["name"])
        assert alike(in_memory, expected)
        gate = command("gate", "--accredited", a, "--candidate", b)
        assert mt.gate(mt.Checkpoint(base, a), mt.Checkpoint(tuned, b)).verdict == gate["verdict"]
        # One side on disk, the other in memory.
        assert mt.diff(a, base).kind == "identical"
    wrapped = torch.nn.DataParallel(base)
    assert mt.diff(base, wrapped).kind == "identical"


def test_jax_arrays_are_read():
    jax = pytest.importorskip("jax")
    tree = {"params": {"dense": {"kernel": jax.numpy.ones((3, 4)), "bias": jax.numpy.ones(4, "bfloat16")}}}
    found = mt.inspect([mt.Checkpoint(tree)])
    assert {row["dtype"] for row in found.records()} == {"f32", "bf16"}


def texts(count=512, length=16, vocabulary=64):
    draw = np.random.default_rng(0)
    return [{"input_ids": row.tolist(), "labels": row.tolist()} for row in draw.integers(0, vocabulary, (count, length))]


def trainer(tmp_path, callback, steps, report_to="none", **options):
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(vocab_size=64, n_positions=16, n_embd=32, n_layer=2, n_head=2)
    args = transformers.TrainingArguments(
        output_dir=str(tmp_path), max_steps=steps, per_device_train_batch_size=4, save_steps=10, logging_steps=5,
        report_to=report_to, use_cpu=True, disable_tqdm=True, seed=0, lr_scheduler_type="constant",
        learning_rate=1e-3, **options,
    )  # fmt: skip
    transformers.set_seed(0)
    model = transformers.GPT2LMHeadModel(config)
    return transformers.Trainer(model, args, train_dataset=texts(), callbacks=[callback])


def test_the_trainer_of_hugging_face_logs_keeps_and_resumes(torch, tmp_path, monkeypatch):
    from modeltrail._following import sketches_of
    from modeltrail.transformers import Callback

    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "board"))
    whole = Callback(every=2)
    one = trainer(tmp_path / "whole", whole, 40, "tensorboard")
    one.train()
    looks = [log for log in one.state.log_history if "modeltrail/step_length" in log]
    assert len(looks) == 19 and len(whole.seconds) == 20
    assert len([log for log in one.state.log_history if "loss" in log]) == 8
    events = [os.path.join(place, name) for place, _, names in os.walk(tmp_path) for name in names if "tfevents" in name]
    tags = set()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for path in events:
        tags |= set(EventAccumulator(path).Reload().Tags()["scalars"])
    assert any("modeltrail/step_length" in tag for tag in tags), tags
    folder = tmp_path / "whole" / "checkpoint-20"
    assert {"modeltrail.state", "modeltrail.sketches.json"} <= set(os.listdir(folder))
    assert len(sketches_of(tmp_path / "whole")) == 4
    second = Callback(every=2)
    two = trainer(tmp_path / "whole", second, 40)
    two.train(resume_from_checkpoint=str(folder))
    again = [log for log in two.state.log_history if "modeltrail/step_length" in log]
    assert [log["step"] for log in again] == [log["step"] for log in looks]
    for own, other in zip(again, looks):
        assert own["modeltrail/step_length"] == pytest.approx(other["modeltrail/step_length"], rel=1e-4)
    assert mt.runs(str(tmp_path / "whole")).coverage.weights_read > 0


def test_lightning_logs_keeps_and_resumes(torch, tmp_path):
    lightning = pytest.importorskip("lightning")
    from modeltrail.lightning import Callback, sketch_in

    class Net(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = network(torch)

        def training_step(self, batch, _):
            x, y = batch
            return torch.nn.functional.cross_entropy(self.net(x), y)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.05)

    draw = torch.Generator().manual_seed(0)
    x = torch.randn(256, 12, generator=draw)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, (x[:, 0] > 0).long()), batch_size=8)

    def train(callback, epochs, resume=None):
        logger = lightning.pytorch.loggers.CSVLogger(tmp_path, name="log")
        run = lightning.Trainer(
            max_epochs=epochs, callbacks=[callback], logger=logger, default_root_dir=tmp_path, accelerator="cpu",
            enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        lightning.seed_everything(0, verbose=False)
        run.fit(Net(), data, ckpt_path=resume)
        run.save_checkpoint(tmp_path / f"{epochs}.ckpt")
        return run, logger

    first = Callback(every=8)
    _, logger = train(first, 2)
    assert len(first.seconds) == 8
    with open(os.path.join(logger.log_dir, "metrics.csv")) as file:
        assert "modeltrail/step_length" in file.readline()
    checkpoint = torch.load(tmp_path / "2.ckpt", weights_only=False)
    assert sketch_in(checkpoint).name == "step-64"
    second = Callback(every=8)
    train(second, 4, str(tmp_path / "2.ckpt"))
    assert second._following.watch.newest == 128 and len(second.seconds) == 8


def test_keras_logs_keeps_and_resumes(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    from modeltrail.keras import Callback

    draw = np.random.default_rng(0)
    x = draw.normal(size=(256, 12)).astype("f4")
    y = (x[:, 0] > 0).astype("i4")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(16, activation="relu"), keras.layers.BatchNormalization(),
                              keras.layers.Dense(2)])  # fmt: skip
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callback = Callback(every=4, folder=tmp_path)
    history = model.fit(x, y, batch_size=16, epochs=4, verbose=0, callbacks=[callback])
    assert len(history.history["modeltrail/step_length"]) == 4 and len(callback.seconds) == 16
    found = mt.inspect(model).records()
    roles = {row["tensor"].rsplit("/", 1)[-1]: row["role"] for row in found}
    assert roles["kernel"] == "weight" and roles["moving_mean"] == "buffer"
    assert len(mt.runs(sorted(map(str, tmp_path.glob("*.sketches.json"))))[0].order) == 4
    again = Callback(every=4, folder=tmp_path)
    model.fit(x, y, batch_size=16, epochs=1, verbose=0, callbacks=[again])
    assert again._following.watch.newest == 80 and len(again.seconds) == 4
