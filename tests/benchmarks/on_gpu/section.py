"""A section of the script while it runs: it tells each result as it comes."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from on_gpu.results import Result

from picker.machine.device import choose_device

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from on_gpu.results import Status, Value

GIB = 2**30
Found = tuple[bool, "dict[str, Value]"]
"""Whether a check holds, and what was found."""


class SkippedError(Exception):
    """Something cannot be measured here; the text says why."""


@dataclass(kw_only=True)
class Section:
    """Where results go, and how much time is left for them.

    Attributes
    ----------
    name
        The section's.
    folder
        For files; it is deleted at the end.
    seconds
        From now on, for all of the section.
    toy
        Whether everything is tiny, to test the script itself.
    """

    name: str
    folder: Path
    seconds: float
    toy: bool
    device: torch.device = field(default_factory=lambda: choose_device("auto"))

    def __post_init__(self) -> None:
        """Start the clock."""
        self._end = time.monotonic() + self.seconds

    @property
    def on_gpu(self) -> bool:
        """Whether there is a GPU."""
        return self.device.type == "cuda"

    def left(self) -> float:
        """Return the seconds that are left."""
        return self._end - time.monotonic()

    def add(
        self,
        table: str,
        name: str,
        values: dict[str, Value] | None = None,
        *,
        status: Status = "measured",
        reason: str = "",
    ) -> None:
        """Tell a result to the program that started this section."""
        result = Result(
            section=self.name,
            table=table,
            name=name,
            status=status,
            values={key: _plain(value) for key, value in (values or {}).items()},
            reason=reason,
        )
        print(json.dumps(asdict(result)), flush=True)

    def measure(
        self,
        table: str,
        name: str,
        function: Callable[[], dict[str, Value]],
        *,
        seconds: float = 10,
    ) -> bool:
        """Tell what a function finds; an error of its is a result too.

        Parameters
        ----------
        table, name
            Where the result belongs.
        function
            Measures.
        seconds
            It is skipped where less time is left.

        Returns
        -------
        Whether it was measured.
        """
        found = self._found(table, name, function, seconds)
        if found is not None:
            self.add(table, name, found)
        return found is not None

    def check(
        self,
        table: str,
        name: str,
        function: Callable[[], Found],
        *,
        seconds: float = 10,
    ) -> None:
        """Tell whether something holds on the GPU.

        Without one the function runs all the same, so that a slip in it is noticed; but
        what it finds says nothing, and the check is skipped.

        Parameters
        ----------
        table, name, seconds
            As for `measure`.
        function
            Returns whether it holds, and what was found.
        """
        found = self._found(table, name, function, seconds)
        if found is None:
            return
        holds, values = found
        if self.on_gpu:
            self.add(table, name, values, status="passed" if holds else "failed")
        else:
            self.add(table, name, status="skipped", reason="needs a GPU")

    def _found(self, table, name, function, seconds):
        """Return what a function finds; None if nothing, which is told."""
        if self.left() < (0 if self.toy else seconds):
            reason = f"{self.left():.0f} s were left; raise --minutes"
            self.add(table, name, status="skipped", reason=reason)
            return None
        try:
            return function()
        except SkippedError as error:
            self.add(table, name, status="skipped", reason=str(error))
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error)[:500]}"
            self.add(table, name, status="failed", reason=reason)
        finally:
            if self.on_gpu:
                torch.cuda.empty_cache()
        return None


def _plain(value: Value) -> Value:
    """Return a value as JSON has it, which knows neither NumPy's numbers nor NaN."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def synchronise(device: torch.device) -> None:
    """Wait until the GPU, if it is one, has computed all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def begin_peak(device: torch.device) -> None:
    """Measure the peak of the GPU's memory from now on."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak(device: torch.device) -> float | None:
    """Return the most memory that tensors had on the GPU [GiB]; None on a CPU."""
    if device.type != "cuda":
        return None
    return torch.cuda.max_memory_allocated(device) / GIB
