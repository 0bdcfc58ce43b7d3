"""A training that is followed in memory."""

import pickle

import numpy as np
import pytest

import modeltrail as mt


def training(steps, change=None):
    draw = np.random.default_rng(0)
    weights, goal = draw.normal(size=(20, 30)), draw.normal(size=(20, 30))
    for step in range(steps):
        rate = 0.2 if step == change else 0.02
        weights = weights + rate * (goal - weights) + 0.001 * draw.normal(size=weights.shape)
        yield step, {"w": weights.copy()}


@pytest.mark.parametrize("memory", ["256MiB", 0])
def test_a_change_is_an_alarm_and_a_state_goes_on(memory):
    whole = mt.Watch(memory=memory)
    events = [whole.push(weights, step) for step, weights in training(20, change=16)]
    assert [event.step for event in events if event.is_alarm][:1] == [16]
    assert events[16].cause and events[16].evidence and events[0].step_length is None
    assert not events[5].is_judged and events[12].is_judged
    assert set(events[12].metrics()) >= {"modeltrail/step_length", "modeltrail/turn_degrees", "modeltrail/alarm"}
    assert whole.is_sketched == (memory == 0) and whole.newest == 19
    for pause in (1, 12, 17):
        first, parts = mt.Watch(memory=memory), []
        for step, weights in training(20, change=16):
            if step == pause:
                kept = first.state()
                first = mt.Watch(memory=memory)
                first.load_state(kept)
                first = pickle.loads(pickle.dumps(first))
            parts.append(first.push(weights, step).to_dict())
        assert parts == [event.to_dict() for event in events]


def test_what_the_trainer_says_explains_an_alarm():
    watch = mt.Watch()
    for step, weights in training(20, change=16):
        rate = 0.2 if step >= 16 else 0.02
        known = {"learning_rates": [rate], "scheduled_rates": [rate], "base_rates": [0.2]}
        event = watch.push(weights, step, trainer=known)
        if step == 16:
            assert event.facts[0].planned and not event.is_alarm
    with pytest.raises(mt.UsageError):
        watch.push(weights, 99, trainer={"weather": 3})


def test_steps_that_repeat_and_go_back():
    watch = mt.Watch(accredited={"w": np.zeros((20, 30))})
    series = list(training(6))
    for step, weights in series:
        event = watch.push(weights, step)
    assert event.since_accredited_steps > 0
    with pytest.raises(mt.UsageError) as caught:
        watch.push(weights, 5)
    assert caught.value.kind == "not_after"
    assert watch.push(series[2][1], 2).went_back
    with pytest.raises(mt.Error):
        watch.push({"other": np.ones(3)}, 9)
    with pytest.raises(mt.Error):
        mt.Watch().state()
    for damaged in (b"", b"nothing", watch.state()[:-1]):
        with pytest.raises(mt.Error):
            mt.Watch().load_state(damaged)


def test_a_series_that_is_there_already():
    events = mt.follow(dict(training(12)))
    assert len(events) == 12 and events[-1].is_judged
