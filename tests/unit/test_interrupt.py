import os
import signal

import pytest

from picker.interrupt import SIGNALS, stop_request


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_instead_of_killing(number):
    before = signal.getsignal(number)
    with stop_request() as stop:
        assert not stop
        os.kill(os.getpid(), number)
        assert stop
        assert str(stop) == number.name
    assert signal.getsignal(number) is before
