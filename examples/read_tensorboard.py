"""Checks that TensorBoard reads what `watch --tensorboard` writes, also after a restart of the watch.

python examples/read_tensorboard.py path/to/modeltrail
"""

import json
import pathlib
import subprocess
import sys
import tempfile

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

SHIFTED = pathlib.Path(__file__).resolve().parent / "checkpoints/shifted"

with tempfile.TemporaryDirectory() as events:
    for starts in (1, 2):
        command = [sys.argv[1], "watch", SHIFTED, "--once", "--json", "--tensorboard", events]
        lines = map(json.loads, subprocess.run(command, capture_output=True).stdout.splitlines())
        lines = [line for line in lines if line["kind"] == "checkpoint"]
        read = EventAccumulator(events).Reload()
        assert len(list(pathlib.Path(events).iterdir())) == starts
        for tag in ("step_length", "turn_degrees", "outside_share"):
            said = {line["position"]["value"]: line[tag] for line in lines if line[tag] is not None}
            shown = {event.step: event.value for event in read.Scalars(f"modeltrail/{tag}")}
            assert said.keys() == shown.keys(), tag
            assert all(abs(shown[step] / said[step] - 1) < 1e-6 for step in said), tag
            assert len(read.Scalars(f"modeltrail/{tag}")) == len(said), f"{tag} is there twice"
        alarms = [event.step for event in read.Scalars("modeltrail/alarm") if event.value]
        assert alarms == [line["position"]["value"] for line in lines if line["alarm"]]
        print(f"after {starts} starts: {', '.join(read.Tags()['scalars'])}; alarms at {alarms}")
