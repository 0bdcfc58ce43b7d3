"""The border between Python and Rust: wrong arguments, interrupts, threads, and nothing that breaks."""

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import walk

import modeltrail as mt


@pytest.mark.parametrize("wrong", [None, 3, 2.5, object(), True, len, {}, [], (), {"a": 3}, {"a": "b"}, [None], {"a": {}},
                                   np.ones(3), "", "\0", b"\xff"])  # fmt: skip
def test_what_is_no_checkpoint_is_an_error_with_attributes(wrong):
    for question in (mt.runs, mt.inspect, mt.sketch, mt.order):
        with pytest.raises(mt.Error) as caught:
            question(wrong)
        assert caught.value.kind and caught.value.message and str(caught.value)
    for call in (lambda: mt.diff(wrong, wrong), lambda: mt.Watch().push(wrong, 1)):
        with pytest.raises(mt.Error):
            call()


def test_names_are_texts_and_are_not_taken_twice():
    weights = {"w": np.ones((4, 4), "f4")}
    for name in ("", "a\0b"):
        with pytest.raises(mt.UsageError):
            mt.runs({name: weights})
    names = mt.runs([mt.Checkpoint(weights, name="a"), mt.Checkpoint(weights, name="a")])[0].checkpoints[0]
    assert sorted([names.name, *names.copies]) == ["a", "a (2)"]


def test_options_that_mean_nothing_are_named():
    weights = {"w": np.ones((4, 4), "f4")}
    named = {"a": weights, "b": weights}
    for options in [
        {"memory": "much"}, {"memory": -1}, {"memory": True}, {"memory": "9" * 30}, {"seed": -1}, {"seed": 2**63},
        {"seed": "x"}, {"match": "[", }, {"limits": {"nothing": 3}}, {"map": {}}, {"runs": 0}, {"runs": 99},
        {"progress": 3}, {"map": "nowhere.toml"}, {"map": 3}, {"match": 3}, {"limits": 3}, {"limits": {3: 4}},
    ]:  # fmt: skip
        with pytest.raises(mt.Error):
            mt.runs(named, **options)
    for step in (-1, 2**63, "x", 1.5, None):
        with pytest.raises(mt.Error):
            mt.Watch().push(weights, step)
    with pytest.raises(mt.UsageError):
        mt.gate(weights, weights, budget=3)
    with pytest.raises(mt.Error):
        mt.gate(weights, weights, budget={"relative": -1.0})
    for call in (
        lambda: mt.umap(named, space="svd-x"),
        lambda: mt.umap(named, space=3),
        lambda: mt.umap(named, min_dist="x"),
        lambda: mt.umap(np.ones((5, 5)), min_dist=None),
        lambda: mt.report(named, 3),
        lambda: mt.sketch(named, 3),
        lambda: mt.diff(weights, weights, expect_frozen=3),
        lambda: mt.diff(weights, weights, parents=3),
        lambda: mt.Watch().push(weights, 1, trainer={"learning_rates": "x"}),
        lambda: mt.Watch().push(weights, 1, trainer={"batch_size": "x"}),
        lambda: mt.diff({"w": np.broadcast_to(np.float32(1), (10**6, 10**6))}, weights),
    ):
        with pytest.raises(mt.UsageError):
            call()


def test_errors_say_what_where_and_what_helps(tmp_path):
    path = tmp_path / "broken.npz"
    path.write_bytes(b"PK\x03\x04 this is no archive")
    with pytest.raises(mt.ReadError) as caught:
        mt.diff(path, path)
    error = caught.value
    assert error.path == str(path) and error.kind in ("damaged", "not_a_checkpoint") and str(path) in error.message
    again = pickle.loads(pickle.dumps(error))
    assert (again.kind, again.path, str(again)) == (error.kind, error.path, str(error))
    runs = mt.runs([path, {"w": np.ones(3, "f4")}])
    assert runs.problems[0].path == str(path) and runs.has_findings
    nan = {"w": np.array([1, np.nan], "f4")}
    with pytest.raises(mt.NotFiniteError):
        mt.Watch().push(nan, 0)
    with pytest.raises(mt.NothingToCompareError):
        mt.lineage({"w": np.ones(3, "f4")}, {"b": {"other": np.ones((7, 5), "f4")}})
    assert issubclass(mt.UsageError, ValueError) and issubclass(mt.ExistsError, FileExistsError)


def test_what_is_not_read_is_logged(tmp_path, caplog):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04")
    np.savez(tmp_path / "b.npz", w=np.ones(3, "f4"), c=np.ones(2, "c8"))
    with caplog.at_level(logging.INFO, "modeltrail"):
        mt.runs(tmp_path)
    text = caplog.text
    assert "a.npz" in text and "complex" in text or "c8" in text


def test_progress_is_told_on_the_thread_that_asked_and_may_stop_the_work():
    told = []
    named = {str(i): one for i, one in enumerate(walk(3, 12))}
    mt.runs(named, progress=lambda *now: told.append((threading.get_ident(), *now)))
    assert {one[0] for one in told} == {threading.get_ident()}
    assert told[-1][1] == told[-1][2] > 0 and any(one[3] for one in told)

    class Stop(Exception):
        pass

    def stop(*_):
        raise Stop

    with pytest.raises(Stop):
        mt.runs(named, progress=stop)


def test_other_threads_run_meanwhile_and_may_change_the_arrays():
    weights = {f"w{i}": np.random.default_rng(i).normal(size=(512, 512)).astype("f4") for i in range(16)}
    counted, is_over = [0], threading.Event()

    def change():
        while not is_over.is_set():
            weights["w3"][:] += 1.0
            counted[0] += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        found = [mt.sketch(weights) for _ in range(5)]
        answers = []
        asking = [threading.Thread(target=lambda: answers.append(mt.diff(weights, weights))) for _ in range(4)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
    finally:
        is_over.set()
        thread.join()
    assert counted[0] > 0 and len(found) == 5 and len(answers) == 4


def test_arrays_live_as_long_as_they_are_read():
    def checkpoints():
        for step in range(30):
            yield {"w": np.full((300, 300), step, "f4"), "v": np.random.default_rng(step).normal(size=900)}

    runs = mt.runs(checkpoints())
    assert sum(len(run) for run in runs) == 30


_LONG = """
import sys, threading, time, os, signal
import numpy as np, modeltrail as mt
points = np.random.default_rng(0).normal(size=(20000, 200)).astype('f4')
threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
began = time.time()
try:
    mt.umap(points)
except KeyboardInterrupt:
    print('interrupted', time.time() - began)
    sys.stdout.flush()
    os._exit(0)
print('finished', time.time() - began)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_long_work():
    done = subprocess.run([sys.executable, "-c", _LONG], capture_output=True, text=True, timeout=120)
    word, seconds = done.stdout.split()
    assert word == "interrupted" and float(seconds) < 5, done


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_process_that_was_forked_asks_too():
    weights = {"a": {"w": np.ones((64, 64), "f4")}, "b": {"w": np.zeros((64, 64), "f4")}}
    mt.runs(weights)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if len(mt.runs(weights)) == 2 or mt.runs(weights) else 1)
        except BaseException:
            os._exit(2)
    deadline = time.time() + 60
    while time.time() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert status == 0
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child hangs")
