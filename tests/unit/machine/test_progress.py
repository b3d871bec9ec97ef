import logging

import pytest

from picker.machine import progress
from picker.machine.progress import Progress, tracked


class Clock:
    """A clock that the test sets [s]."""

    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_line_is_told_every_few_seconds(clock, lines):
    told = Progress("burn_in", 100, "steps")
    for step in range(1, 101):
        clock.now += 0.5
        told.update(step, f"loss {step}")
    assert lines()[0] == "burn_in 10/100 steps  loss 10  2.0/s  0.8 min left"
    assert [line.split()[1] for line in lines()] == [
        f"{step}/100" for step in range(10, 100, 10)
    ]


def test_the_rate_is_that_of_the_last_seconds(clock, lines):
    told = Progress("predict", 1000, "tomograms")
    for number in range(1, 501):  # an hour of fast ones, then slow ones
        clock.now += 0.1 if number < 400 else 10
        told.update(number)
    assert lines()[-1] == "predict 500/1000 tomograms  10.0 s each  83.3 min left"


def test_what_an_earlier_run_did_is_not_taken_for_speed(clock, lines):
    told = Progress("burn_in", 1000, "steps", done=900)
    clock.now += 20
    told.update(910)
    assert lines() == ["burn_in 910/1000 steps  2.0 s each  3.0 min left"]


def test_the_number_of_items_is_told_before_the_first_is_done(clock, lines):
    for item in tracked("abc", "preprocess", 3, "tomograms"):
        if item == "a":
            assert lines() == ["preprocess: 3 tomograms"]
        clock.now += 60
    assert lines()[1:] == [
        "preprocess 1/3 tomograms  60.0 s each  2.0 min left",
        "preprocess 2/3 tomograms  60.0 s each  1.0 min left",
    ]


def test_work_that_is_done_at_once_is_not_talked_about(clock, lines):
    told = Progress("heatmap", 2, "windows")
    told.update(1)
    told.update(2)
    assert lines() == []


def test_a_clock_that_stands_still_is_no_error(clock, lines):
    told = Progress("predict", 3, "windows")
    clock.now += progress.EVERY
    told.update(0)
    told.update(1)
    clock.now += progress.EVERY
    told.update(1)
    assert lines() == [
        "predict 0/3 windows",
        "predict 1/3 windows  10.0 s each  0.3 min left",
    ]
