"""Paths that lie elsewhere, from Python: a server of files, as people start one, and the hub's variables."""

import functools
import http.server
import threading

import numpy as np
import pytest

import modeltrail as mt


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path):
    for step in (1, 2):
        weights = {"w": np.arange(12, dtype=np.float32).reshape(3, 4) * step}
        np.savez(tmp_path / f"step-{step}.npz", **weights)
    handler = functools.partial(Quiet, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", tmp_path
    server.shutdown()


def test_files_of_a_web_server_are_read_as_files_here(served):
    address, folder = served
    here = mt.diff(str(folder / "step-1.npz"), str(folder / "step-2.npz")).to_dict()
    there = mt.diff(f"{address}/step-1.npz", f"{address}/step-2.npz").to_dict()
    for answer in (here, there):
        answer.pop("a"), answer.pop("b")
    assert there == here
    assert len(mt.inspect(f"{address}/step-1.npz").to_dict()["checkpoints"]) == 1


def test_what_cannot_be_had_is_an_error_of_reading(served, monkeypatch):
    address, _ = served
    with pytest.raises(mt.ReadError) as missing:
        mt.diff(f"{address}/none.npz", f"{address}/step-2.npz")
    assert missing.value.kind == "missing"
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setenv("HF_TOKEN", "hf_topsecret")
    with pytest.raises(mt.ReadError) as refused:
        mt.diff("hf://org/name", "hf://org/name")
    assert "hf_topsecret" not in str(refused.value)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(mt.ReadError) as offline:
        mt.diff("hf://org/name", "hf://org/name")
    assert offline.value.kind == "unreachable"
