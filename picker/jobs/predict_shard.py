"""One shard to candidates: the model is loaded once, the tomograms stream past it."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from picker.core.picks import score_histogram
from picker.formats.picks.star import write_picks
from picker.formats.volumes.read import read_mask
from picker.jobs.failures import told_failure
from picker.jobs.recipe import is_recipe
from picker.jobs.shard_inputs import (
    DeviceError,
    read_ahead,
    read_in_turn,
    read_input,
    requests_of,
)
from picker.machine.progress import tracked
from picker.project.claims import claimed
from picker.project.manifests import Manifest, read_preprocessed, write_manifest
from picker.project.records import Failed, Predicted, Preprocessed, failed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import CalibrateSettings
    from picker.core.picks import Picks
    from picker.finding.finder import Finder
    from picker.jobs.loaded import Loaded
    from picker.jobs.shard_inputs import Input

logger = logging.getLogger("picker")

AHEAD = 4
"""Number of tomograms that are read while a GPU computes one: it is quicker than one
reader. On a CPU the next would take memory, and the processor from what computes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A tomogram's candidates.

    Attributes
    ----------
    candidates
        Of every class [Å].
    key
        Digest of what they are made from.
    seconds
        How long finding them took; None: an earlier run did.
    """

    candidates: Picks
    key: str
    seconds: float | None


def write_shard(
    manifests: Sequence[Path],
    folder: Path,
    output: Path,
    loaded: Loaded,
    calibration: CalibrateSettings | None = None,
    halves: int | None = None,
) -> None:
    """Write a shard's candidates, see `predict_shard`, and its manifest.

    Parameters
    ----------
    manifests
        Of preprocessing.
    folder
        Where `<tomogram>.star` are written.
    output
        Manifest to write.
    loaded
        What finds particles.
    calibration
        If given, noisy copies of the tomograms are predicted in their place.
    halves
        If given, the halves of the first so many tomograms that have halves are
        predicted, and nothing else.
    """
    with claimed(output, folder):
        entries = read_preprocessed(manifests)
        manifest = predict_shard(entries, folder, loaded, calibration, halves)
        write_manifest(
            output,
            manifest.tomograms,
            histograms=manifest.histograms,
            model=manifest.model,
        )


def predict_shard(
    entries: Sequence[Preprocessed | Failed],
    folder: Path,
    loaded: Loaded,
    calibration: CalibrateSettings | None = None,
    halves: int | None = None,
) -> Manifest:
    """Write the candidates of every usable tomogram of a shard and return its manifest.

    On a GPU the next tomograms are read, and everywhere the last one is written, while
    one is computed. One
    that cannot be used is recorded and the others continue; what the device cannot
    compute, or the disk cannot take, is no tomogram's fault and fails the job.

    Parameters
    ----------
    entries
        Preprocessed tomograms.
    folder
        Where `<tomogram>.star` are written.
    loaded
        What finds particles.
    calibration
        If given, noisy copies of the tomograms are predicted in their place.
    halves
        If given, the halves of the first so many tomograms that have halves are
        predicted, and nothing else.

    Raises
    ------
    RuntimeError
        If the device cannot compute, `DeviceError` if it cannot take a volume.
    OSError
        If the disk takes nothing.
    """
    finder = loaded.finder
    requests = requests_of(entries, folder, calibration, halves)
    done: list[Predicted | Failed] = []
    totals = {p.name: score_histogram(np.zeros(0)) for p in finder.particles}
    read = partial(read_input, loaded=loaded)
    if finder.device.type == "cpu":
        inputs = read_in_turn(requests, read)
    else:
        # Copies in float32 take four times the memory, and are few.
        whole = calibration is None and halves is None
        inputs = read_ahead(requests, read, AHEAD if whole else 1)
    with ThreadPoolExecutor(1) as writer:
        writing: Future[None] | None = None
        progress = tracked(inputs, "predict", len(requests), "tomograms")
        for number, (request, future) in enumerate(progress, 1):
            entry, path = request.entry, request.path
            if isinstance(entry, Failed):
                done.append(replace(entry, path=path))
                continue
            found = _found(entry, path, future, finder)
            if isinstance(found, Failed):
                done.append(found)
                continue
            if found.seconds is not None:
                if writing:
                    writing.result()
                comments = {"fingerprint": found.key}
                writing = writer.submit(write_picks, path, found.candidates, comments)
                logger.info(
                    "%s: %d candidates in %.1f s (%d of %d)",
                    path.stem,
                    len(found.candidates),
                    found.seconds,
                    number,
                    len(requests),
                )
            for name, total in totals.items():
                total += score_histogram(found.candidates.of(name).score)
            done.append(
                Predicted(
                    preprocessed=entry,
                    candidates=path,
                    fingerprint=found.key,
                    half=request.half,
                )
            )
        if writing:
            writing.result()
    histograms = {name: tuple(total.tolist()) for name, total in totals.items()}
    return Manifest(
        tomograms=tuple(done), histograms=histograms, model=loaded.model_key
    )


def _found(
    entry: Preprocessed, path: Path, future: Future[Input], finder: Finder
) -> Found | Failed:
    """Return one tomogram's candidates, or why there are none."""
    try:
        tomogram = future.result()
    except DeviceError:
        raise
    except Exception as error:
        reason = told_failure(entry.tomogram, entry.volume, error)
        if is_recipe(entry.volume):
            told = f"its volume cannot be made by {entry.volume}: {reason}"
        else:
            told = (
                f"preprocessed volume {entry.volume} cannot be read: {reason}; run"
                " again, and if that does not help delete it, so that it is made again"
            )
        return failed(entry, path, told)
    if tomogram.candidates is not None:
        return Found(candidates=tomogram.candidates, key=tomogram.key, seconds=None)
    volume, tomogram.volume = tomogram.volume, None
    assert volume is not None
    assert tomogram.voxel_size is not None
    started = time.monotonic()
    try:
        mask = entry.mask if finder.reads_region else None
        region = read_mask(mask) if mask else None
        candidates = finder.candidates(volume, tomogram.voxel_size, region)
    except RuntimeError:
        # Of the device, which has no better luck with the others.
        raise
    except Exception as error:
        reason = told_failure(entry.tomogram, entry.volume, error)
        return failed(entry, path, reason)
    seconds = time.monotonic() - started
    return Found(candidates=candidates, key=tomogram.key, seconds=seconds)
