"""One shard to what is found in it: the model is loaded once, tomograms stream past."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Generic

from picker.formats.volumes.read import read_mask
from picker.jobs.failures import told_failure
from picker.jobs.products import Found, candidates_by, detections_by
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
from picker.project.records import Failed, failed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import CalibrateSettings
    from picker.finding.finder import Finder
    from picker.jobs.loaded import Loaded
    from picker.jobs.products import Product
    from picker.jobs.shard_inputs import Input, Request
    from picker.project.records import Detected, Predicted, Preprocessed

logger = logging.getLogger("picker")

AHEAD = 4
"""Number of tomograms that are read while a GPU computes one: it is quicker than one
reader. On a CPU the next would take memory, and the processor from what computes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer(Generic[Found]):
    """What is found in a tomogram.

    Attributes
    ----------
    found
        Candidates, or detections [Å].
    key
        Digest of what it is found from.
    seconds
        How long finding it took; None: an earlier run did.
    """

    found: Found
    key: str
    seconds: float | None


def write_shard(
    manifests: Sequence[Path],
    folder: Path,
    output: Path,
    loaded: Loaded,
    calibration: CalibrateSettings | None = None,
    halves: int | None = None,
    *,
    detects: bool = False,
) -> None:
    """Write what is found in a shard, see `predict_shard`, and its manifest.

    Parameters
    ----------
    manifests
        Of preprocessing.
    folder, loaded, calibration, halves, detects
        As for `predict_shard`; errors too.
    output
        Manifest to write.
    """
    with claimed(output, folder):
        entries = read_preprocessed(manifests)
        manifest = predict_shard(
            entries, folder, loaded, calibration, halves, detects=detects
        )
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
    *,
    detects: bool = False,
) -> Manifest:
    """Write what is found in every usable tomogram of a shard; return its manifest.

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
    detects
        Whether detections on slices are written, to be linked; else candidates.

    Raises
    ------
    ValueError
        If the method has no detections.
    RuntimeError
        If the device cannot compute, `DeviceError` if it cannot take a volume.
    OSError
        If the disk takes nothing.
    """
    requests = requests_of(entries, folder, calibration, halves)
    # Copies in float32 take four times the memory, and are few.
    ahead = AHEAD if calibration is None and halves is None else 1
    if detects:
        return _written(requests, loaded, detections_by(loaded), ahead)
    return _written(requests, loaded, candidates_by(loaded), ahead)


def _written(
    requests: Sequence[Request], loaded: Loaded, product: Product[Found], ahead: int
) -> Manifest:
    """Write what is asked for, where it is not there and valid."""
    finder = loaded.finder
    done: list[Detected | Predicted | Failed] = []
    read = partial(read_input, loaded=loaded, product=product)
    if finder.device.type == "cpu":
        inputs = read_in_turn(requests, read)
    else:
        inputs = read_ahead(requests, read, ahead)
    with ThreadPoolExecutor(1) as writer:
        writing: Future[None] | None = None
        progress = tracked(inputs, "predict", len(requests), "tomograms")
        for number, (request, future) in enumerate(progress, 1):
            entry, path = request.entry, request.path
            if isinstance(entry, Failed):
                done.append(replace(entry, path=path))
                continue
            answer = _answer(entry, path, future, finder, product)
            if isinstance(answer, Failed):
                done.append(answer)
                continue
            if answer.seconds is not None:
                if writing:
                    writing.result()
                comments = {"fingerprint": answer.key}
                writing = writer.submit(product.write, path, answer.found, comments)
                logger.info(
                    "%s: %d %s in %.1f s (%d of %d)",
                    path.stem,
                    len(answer.found),
                    product.name,
                    answer.seconds,
                    number,
                    len(requests),
                )
            product.count(answer.found)
            done.append(product.record(entry, path, answer.key, request.half))
        if writing:
            writing.result()
    return Manifest(
        tomograms=tuple(done), histograms=product.histograms, model=product.model_key
    )


def _answer(
    entry: Preprocessed,
    path: Path,
    future: Future[Input[Found]],
    finder: Finder,
    product: Product[Found],
) -> Answer[Found] | Failed:
    """Return what is found in one tomogram, or why nothing is."""
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
    if tomogram.found is not None:
        return Answer(found=tomogram.found, key=tomogram.key, seconds=None)
    volume, tomogram.volume = tomogram.volume, None
    assert volume is not None
    assert tomogram.voxel_size is not None
    started = time.monotonic()
    try:
        mask = entry.mask if finder.reads_region else None
        region = read_mask(mask) if mask else None
        found = product.find(volume, tomogram.voxel_size, region)
    except RuntimeError:
        # Of the device, which has no better luck with the others.
        raise
    except Exception as error:
        reason = told_failure(entry.tomogram, entry.volume, error)
        return failed(entry, path, reason)
    seconds = time.monotonic() - started
    return Answer(found=found, key=tomogram.key, seconds=seconds)
