import os
import signal
import subprocess
import sys

import pytest

from picker.machine.signals import SIGNALS, stop_request


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_instead_of_killing(number):
    before = signal.getsignal(number)
    with stop_request() as stop:
        assert not stop
        os.kill(os.getpid(), number)
        assert stop
        assert str(stop) == number.name
    assert signal.getsignal(number) is before


ONE_TOMOGRAM = """
import os, signal, sys
from picker.verbs.terminal import run_logged

def verb():
    try:
        os.kill(os.getpid(), signal.{name})
    except Exception:
        print("taken for a tomogram's error")

sys.exit(run_logged(verb))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_verb_that_is_asked_to_leave_says_one_line(number):
    """Ctrl-C, or a job's end; it is no error of the tomogram that was being read."""
    code = ONE_TOMOGRAM.format(name=number.name)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 128 + number
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.endswith(f"stopped by {number.name}")
