"""What a shard's tomograms are predicted on, read while others are computed."""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Generic

from picker.core.fingerprint import fingerprint
from picker.formats.tables.star_table import read_comments
from picker.jobs.products import Found
from picker.jobs.stored import (
    HALVES,
    source_of,
    stored_fingerprint,
    stored_half,
    whole_volume,
)
from picker.machine.disk import read_into_cache
from picker.machine.memory import give_back_freed_memory
from picker.project.layout import picks_file
from picker.project.records import Failed, Preprocessed
from picker.volumes.noise import noisy_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from picker.config import CalibrateSettings
    from picker.finding.finder import Volume
    from picker.jobs.loaded import Loaded
    from picker.jobs.products import Product
    from picker.project.records import Half

logger = logging.getLogger("picker")


class DeviceError(RuntimeError):
    """A volume could not be copied to the GPU, which is no tomogram's fault."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A tomogram, where what is found goes, and what to predict in its place.

    Attributes
    ----------
    entry
        What preprocessing says of it.
    path
        STAR file to write.
    noise
        Standard deviation of the noise; the tomogram's own is 1.
    seed
        Number of the noisy copy.
    half
        The half of it that is predicted; None: the whole.
    """

    entry: Preprocessed | Failed
    path: Path
    noise: float = 0.0
    seed: int = 0
    half: Half | None = None


@dataclass(kw_only=True, slots=True)
class Input(Generic[Found]):
    """A tomogram in memory, or what an earlier run found in it.

    Whoever computes on the volume takes it out: the input itself may be held longer.

    Attributes
    ----------
    key
        Digest of what it is found from.
    volume, voxel_size
        What to predict on, and the edge of its voxels [Å]; None: it is not needed.
    found
        What is there and valid.
    """

    key: str
    volume: Volume | None = None
    voxel_size: float | None = None
    found: Found | None = None


def requests_of(
    entries: Sequence[Preprocessed | Failed],
    folder: Path,
    calibration: CalibrateSettings | None = None,
    halves: int | None = None,
) -> list[Request]:
    """Return what a shard is to predict: each tomogram, or copies of it.

    Parameters
    ----------
    entries
        The shard's tomograms.
    folder
        Where what is found goes.
    calibration
        If given, noisy copies stand for each tomogram.
    halves
        If given, its even and odd half stand for each of the first so many tomograms
        that have halves; the others are left out, as are those that failed before.
    """
    if halves is not None:
        return [
            Request(entry=entry, path=picks_file(folder, entry.tomogram, one), half=one)
            for entry in _with_halves(entries)[:halves]
            for one in HALVES
        ]
    if calibration is None:
        return [Request(entry=e, path=picks_file(folder, e.tomogram)) for e in entries]
    return [
        Request(
            entry=entry,
            path=picks_file(folder, entry.tomogram, copy),
            noise=calibration.noise,
            seed=copy,
        )
        for entry in entries
        for copy in range(calibration.noisy_copies)
    ]


def _with_halves(entries: Sequence[Preprocessed | Failed]) -> list[Preprocessed]:
    """Return the tomograms that have halves."""
    return [e for e in entries if isinstance(e, Preprocessed) and e.noise]


def read_input(
    request: Request, loaded: Loaded, product: Product[Found]
) -> Input[Found]:
    """Return what to predict on, unless what is found there is valid.

    Raises
    ------
    DeviceError
        If the device cannot take the volume.
    """
    entry, path = request.entry, request.path
    assert isinstance(entry, Preprocessed)
    changed: object = ""
    if request.half:
        changed = request.half
    elif request.noise:
        changed = (request.noise, request.seed, "normalised")
    key = fingerprint(
        product.model_key, loaded.settings_key, stored_fingerprint(entry), changed
    )
    if path.exists() and read_comments(path).get("fingerprint") == key:
        logger.info("%s is up to date", path.stem)
        return Input(key=key, found=product.read(path))
    volume = whole_volume(entry)
    if request.half:
        volume = stored_half(entry, request.half, volume)
    elif request.noise:
        volume = noisy_copy(volume, request.noise, entry.tomogram, request.seed)
    try:
        ready = loaded.finder.on_device(volume)
    except RuntimeError as error:
        raise DeviceError(str(error)) from error
    return Input(key=key, volume=ready, voxel_size=entry.voxel_size)


def read_in_turn(
    requests: Sequence[Request], read: Callable[[Request], Input[Found]]
) -> Iterator[tuple[Request, Future[Input[Found]]]]:
    """Yield each request with its input, of which one is in memory at a time.

    The next one's files are brought into the system's cache meanwhile, so that only the
    work of reading is waited for, which one processor does as quickly after as before.
    """
    with ThreadPoolExecutor(1) as reader:
        for request, after in zip_longest(requests, requests[1:]):
            give_back_freed_memory()  # which the one before took
            unread = isinstance(request.entry, Failed)
            future = Future[Input[Found]]() if unread else reader.submit(read, request)
            if after:
                reader.submit(bring_closer, after)
            yield request, future


def bring_closer(request: Request) -> None:
    """Have the system keep a tomogram's file, or its copy, for the reader that follows.

    What fails is for that reader to tell: nobody asks here.
    """
    if isinstance(request.entry, Preprocessed) and not request.path.exists():
        read_into_cache(source_of(request.entry))


def read_ahead(
    requests: Iterable[Request],
    read: Callable[[Request], Input[Found]],
    number: int = 1,
) -> Iterator[tuple[Request, Future[Input[Found]]]]:
    """Yield each request with its input, while the next `number` are read.

    A tomogram that failed before is not read; its future is never done.
    """
    with ThreadPoolExecutor(number) as reader:
        ahead: deque[tuple[Request, Future[Input[Found]]]] = deque()
        for request in requests:
            unread = isinstance(request.entry, Failed)
            future = Future[Input[Found]]() if unread else reader.submit(read, request)
            ahead.append((request, future))
            if len(ahead) > number:
                yield ahead.popleft()
        yield from ahead
