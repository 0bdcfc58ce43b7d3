"""Writes events.tfrecord with TensorBoard's own classes, to be compared with byte by byte."""

import pathlib

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


def summary(**scalars):
    values = [
        Summary.Value(tag=f"modeltrail/{tag}", simple_value=value) for tag, value in scalars.items()
    ]
    return Summary(value=values)


TIME = 1_700_000_000.25
EVENTS = [
    Event(wall_time=TIME, file_version="brain.Event:2"),
    Event(wall_time=TIME, step=7, session_log=SessionLog(status=SessionLog.START)),
    Event(wall_time=TIME, step=7, summary=summary(step_length=0.125, turn_degrees=33.3, alarm=0.0)),
    Event(wall_time=TIME, step=1_000_000, summary=summary(step_length=0.125)),
]
with open(pathlib.Path(__file__).with_name("events.tfrecord"), "wb") as file:
    writer = RecordWriter(file)
    for event in EVENTS:
        writer.write(event.SerializeToString(deterministic=True))
    writer.flush()
