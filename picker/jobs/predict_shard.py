"""Predict one shard: the model is loaded once, the tomograms stream past it."""

from __future__ import annotations

import logging
import time
import zlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from picker.core.fingerprint import fingerprint
from picker.core.picks import score_histogram
from picker.formats.picks.star import read_picks, write_picks
from picker.formats.tables.star_table import read_comments
from picker.formats.volumes.ome_zarr import read_volume
from picker.jobs.failures import told_failure
from picker.jobs.stored import stored_fingerprint
from picker.machine.progress import tracked
from picker.project.layout import picks_file
from picker.project.manifests import Manifest
from picker.project.records import Failed, Predicted, Preprocessed, failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from picker.config import CalibrateSettings
    from picker.core.picks import Picks
    from picker.finding.finder import Volume
    from picker.jobs.loaded import Loaded

logger = logging.getLogger("picker")

AHEAD = {"cpu": 1, "cuda": 4}
"""Tomograms that are read while one is computed: a GPU is quicker than one reader."""


class DeviceError(RuntimeError):
    """A volume could not be copied to the GPU; that is no tomogram's fault."""


def predict_shard(
    entries: Sequence[Preprocessed | Failed],
    folder: Path,
    loaded: Loaded,
    calibration: CalibrateSettings | None = None,
) -> Manifest:
    """Write the candidates of every usable tomogram of a shard and return its manifest.

    The next tomograms are read and the last one written while one is computed. One
    that cannot be used is recorded and the others go on; what the device cannot
    compute or the disk not take is no tomogram's fault and fails the job.

    Parameters
    ----------
    entries
        Preprocessed tomograms.
    folder
        Where `<tomogram>.star` are written.
    loaded
        What finds particles.
    calibration
        Given, noisy copies of the tomograms are predicted in their place.
    """
    finder = loaded.finder
    tasks = _tasks(entries, folder, calibration)
    done: list[Predicted | Failed] = []
    totals = {p.name: score_histogram(np.zeros(0)) for p in finder.particles}

    def read(task: Task) -> Given:
        given = _read(task, loaded)
        if given.volume is None:
            return given
        try:
            return replace(given, volume=finder.brought(given.volume))
        except RuntimeError as error:
            raise DeviceError(str(error)) from error

    with ThreadPoolExecutor(1) as writer:
        writing: Future[None] | None = None
        # Noisy copies take four times the memory, and are few.
        ahead = 1 if calibration else AHEAD[finder.device.type]
        reading = tracked(
            read_ahead(tasks, read, ahead), "predict", len(tasks), "tomograms"
        )
        for number, (task, future) in enumerate(reading, 1):
            if isinstance(task.entry, Failed):
                done.append(replace(task.entry, path=task.path))
                continue
            try:
                given = future.result()
            except DeviceError:
                raise
            except Exception as error:
                told = told_failure(task.entry.tomogram, task.entry.volume, error)
                told = _explained(task.entry, told)
                done.append(failed(task.entry, task.path, told))
                continue
            started = time.monotonic()
            candidates = given.candidates
            if candidates is None:
                assert given.volume is not None
                try:
                    candidates = finder.candidates(given.volume, given.voxel_size)
                except RuntimeError:
                    # Of the device, which has no better luck with the others.
                    raise
                except Exception as error:
                    told = told_failure(task.entry.tomogram, task.entry.volume, error)
                    done.append(failed(task.entry, task.path, told))
                    continue
                if writing:
                    writing.result()
                writing = writer.submit(
                    write_picks, task.path, candidates, {"fingerprint": given.key}
                )
                logger.info(
                    "%s: %d candidates in %.1f s (%d of %d)",
                    task.path.stem,
                    len(candidates),
                    time.monotonic() - started,
                    number,
                    len(tasks),
                )
            for name, total in totals.items():
                total += score_histogram(candidates.of(name).score)
            done.append(
                Predicted(
                    preprocessed=task.entry,
                    candidates=task.path,
                    fingerprint=given.key,
                )
            )
        if writing:
            writing.result()
    histograms = {name: tuple(total.tolist()) for name, total in totals.items()}
    return Manifest(
        tomograms=tuple(done), histograms=histograms, model=loaded.model_key
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A tomogram, where its candidates go, and the noise to add to it."""

    entry: Preprocessed | Failed
    path: Path
    noise: float = 0.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """A tomogram in memory, or the candidates that an earlier run found in it."""

    key: str
    volume: Volume | None = None
    voxel_size: float = 0.0
    candidates: Picks | None = None


def _tasks(
    entries: Sequence[Preprocessed | Failed],
    folder: Path,
    calibration: CalibrateSettings | None,
) -> list[Task]:
    if calibration is None:
        return [Task(entry=e, path=picks_file(folder, e.tomogram)) for e in entries]
    return [
        Task(
            entry=entry,
            path=picks_file(folder, entry.tomogram, copy),
            noise=calibration.noise,
            seed=copy,
        )
        for entry in entries
        for copy in range(calibration.noisy_copies)
    ]


def _read(task: Task, loaded: Loaded) -> Given:
    """Return what to predict on, unless the candidates are there and valid."""
    entry = task.entry
    assert isinstance(entry, Preprocessed)
    noise = (task.noise, task.seed) if task.noise else ""
    key = fingerprint(
        loaded.model_key, loaded.settings_key, stored_fingerprint(entry), noise
    )
    path = task.path
    if path.exists() and read_comments(path).get("fingerprint") == key:
        logger.info("%s is up to date", path.stem)
        return Given(key=key, candidates=read_picks(path))
    volume, _, _ = read_volume(entry.volume)
    if task.noise:
        name = zlib.crc32(entry.tomogram.encode())
        rng = np.random.default_rng([name, task.seed])
        noisy = rng.standard_normal(volume.shape, np.float32)
        noisy *= task.noise
        noisy += volume
        volume = noisy
    return Given(key=key, volume=volume, voxel_size=entry.voxel_size)


def _explained(entry: Preprocessed, told: str) -> str:
    return (
        f"preprocessed volume {entry.volume} cannot be read: {told}; run again,"
        " and if that does not help delete it, so that it is made again"
    )


def read_ahead(
    tasks: Iterable[Task], read: Callable[[Task], Given], number: int = 1
) -> Iterator[tuple[Task, Future[Given]]]:
    """Yield each task with what is read for it, the next `number` read meanwhile.

    A tomogram that failed before is not read; its future is never done.
    """
    with ThreadPoolExecutor(number) as reader:
        ahead: deque[tuple[Task, Future[Given]]] = deque()
        for task in tasks:
            unread = isinstance(task.entry, Failed)
            future = Future[Given]() if unread else reader.submit(read, task)
            ahead.append((task, future))
            if len(ahead) > number:
                yield ahead.popleft()
        yield from ahead
