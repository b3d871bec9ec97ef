"""Whether a GPU trains as it should: precision, parts, repetition, two processes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from on_gpu.section import SkippedError, begin_peak, peak
from on_gpu.trials import learned, outcome, shared_outcome, trials, weights

if TYPE_CHECKING:
    from on_gpu.section import Found, Section
    from on_gpu.trials import Trial


class TrainingChecks:
    """Each returns whether it holds, and what was found."""

    def __init__(self, section: Section) -> None:
        self.section, self.device = section, section.device
        self.small, self.full = trials(toy=section.toy)

    def losses(self) -> Found:
        """Train the same in both precisions, and compare the last losses."""
        named = {
            "loss": learned(self.small, self.device)[1],
            "loss in float32": outcome(
                replace(self.small, precision="float32"), self.device
            )[1],
        }
        found = {name: float(np.mean(rows[-4:])) for name, rows in named.items()}
        ratio = found["loss"] / found["loss in float32"]
        return abs(ratio - 1) < 0.25, found | {"ratio": ratio}

    def parts(self) -> Found:
        """Train the full-size network with a batch whole and in two parts.

        Each part has its own statistics and class weights, so losses differ somewhat.
        """
        found, peaks = [], []
        for accumulate in (1, 2):
            begin_peak(self.device)
            trial = replace(self.full, accumulate=accumulate, batch=4)
            found.append(outcome(trial, self.device)[1][-1])
            peaks.append(peak(self.device))
        values = {"loss": found[0], "loss in two parts": found[1]}
        less = True
        if self.section.on_gpu:
            values |= {"peak [GiB]": peaks[0], "peak in two parts [GiB]": peaks[1]}
            less = peaks[1] < peaks[0]
        return less and 0.5 < found[1] / found[0] < 2, values

    def repeated(self, trial: Trial) -> Found:
        """Train twice with the same seed."""
        one, other = (weights(outcome(trial, self.device)[0]) for _ in range(2))
        return torch.equal(one, other), {
            "weights": len(one),
            "that differ": int((one != other).sum()),
        }

    def burn_in(self) -> Found:
        """Train burn-in twice."""
        return self.repeated(self.full)

    def co_train(self) -> Found:
        """Co-train twice."""
        return self.repeated(replace(self.full, co_train=True))

    def resumed(self) -> Found:
        """Co-train once through, and once stopped on the way."""
        trial = replace(self.full, co_train=True)
        one, other = (
            weights(outcome(trial, self.device, stopped_after=stop)[0])
            for stop in (0, trial.steps // 2)
        )
        return torch.equal(one, other), {
            "weights": len(one),
            "that differ": int((one != other).sum()),
        }

    def cut_on_the_cpu(self) -> Found:
        """Compare losses with those of patches that are cut on the CPU."""
        trial = replace(self.small, resident="never")
        named = {
            "loss": learned(self.small, self.device)[1],
            "loss, patches cut on the CPU": outcome(trial, self.device)[1],
        }
        found = {name: float(np.mean(rows[-4:])) for name, rows in named.items()}
        ratio = found["loss"] / found["loss, patches cut on the CPU"]
        return abs(ratio - 1) < 0.25, found | {"ratio": ratio}

    def nccl(self) -> Found:
        """Share a batch by NCCL, which may want a GPU for each process."""
        if not self.section.on_gpu:
            raise SkippedError("needs a GPU")
        try:
            return self.shared("nccl")
        except Exception as error:
            if torch.cuda.device_count() > 1:
                raise
            raise SkippedError(f"needs two GPUs: {_last_line(str(error))}") from error

    def gloo(self) -> Found:
        """Share a batch by Gloo, which lets both have one GPU."""
        return self.shared("gloo")

    def shared(self, backend: str) -> Found:
        """Compare weights of one process with those of two."""
        steps = 2 if self.section.toy else 10
        trial = replace(self.small, steps=steps, precision="float32", workers=0)
        alone = weights(outcome(trial, self.device)[0])
        # Without a GPU, two processes on a busy machine may be a minute starting.
        longest = 60 if self.section.on_gpu else 600
        limit = min(longest, max(self.section.left(), 5))
        both = shared_outcome(trial, self.device, backend, limit)
        differ = float((alone - both).norm() / alone.norm())
        return differ < 0.01, {"weights differ by, relative": differ}


def _last_line(text: str) -> str:
    """Return the last line that says something, cut."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no reason given"
