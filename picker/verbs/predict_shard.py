"""Predict one shard: the model is loaded once, the tomograms stream past it."""

from __future__ import annotations

import logging
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from picker.formats.ome_zarr import open_volume, read_attributes
from picker.formats.star import read_comments, read_picks, write_picks
from picker.picks import score_histogram
from picker.predict import find_candidates
from picker.verbs.common import Entry, fingerprint, read_manifests, write_manifest
from picker.verbs.model_card import ModelCard, model_fingerprint

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import torch
    from numpy.typing import NDArray
    from torch import nn

    from picker.config import PredictSettings
    from picker.picks import Picks

logger = logging.getLogger("picker")


def predict_shard(
    arguments: argparse.Namespace,
    model: nn.Module,
    card: ModelCard,
    settings: PredictSettings,
    device: torch.device,
) -> None:
    """Write the candidates of every usable tomogram in a shard, then its manifest.

    The next tomogram is read and the last one written while this one is computed. One
    that cannot be read is recorded and the others go on; what cannot be computed or
    written is no tomogram's fault and fails the job.
    """
    entries = read_manifests(arguments.manifests)
    model_key = model_fingerprint(arguments.model)
    done: list[Entry] = []
    totals = {p.name: score_histogram(np.zeros(0)) for p in card.particles}

    def read(entry: Entry) -> _Input:
        return _read(entry, arguments.candidates, model_key, settings)

    with ThreadPoolExecutor(1) as writer:
        writing: Future[None] | None = None
        for number, (entry, future) in enumerate(read_ahead(entries, read), 1):
            path = arguments.candidates / f"{entry.tomogram}.star"
            if entry.error:
                done.append(entry.model_copy(update={"path": path}))
                continue
            try:
                given = future.result()
            except Exception as error:
                logger.error("%s cannot be read: %s", entry.tomogram, error)
                done.append(entry.failed(path, error))
                continue
            started = time.monotonic()
            candidates = given.candidates
            if candidates is None:
                assert given.volume is not None
                candidates = find_candidates(
                    model,
                    given.volume,
                    given.voxel_size,
                    card.particles,
                    settings,
                    device,
                )
                if writing:
                    writing.result()
                writing = writer.submit(
                    write_picks, path, candidates, {"fingerprint": given.key}
                )
                logger.info(
                    "%s: %d candidates in %.1f s (%d of %d)",
                    entry.tomogram,
                    len(candidates),
                    time.monotonic() - started,
                    number,
                    len(entries),
                )
            for name, total in totals.items():
                total += score_histogram(candidates.of(name).score)
            done.append(entry.model_copy(update={"path": path, "counts": {}}))
        if writing:
            writing.result()
    histograms = {name: total.tolist() for name, total in totals.items()}
    write_manifest(arguments.output, done, histograms)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Input:
    """A tomogram in memory, or the candidates that an earlier run found in it."""

    key: str
    volume: NDArray[np.float32] | None = None
    voxel_size: float = 0.0
    candidates: Picks | None = None


def _read(
    entry: Entry, folder: Path, model_key: str, settings: PredictSettings
) -> _Input:
    """Return what to predict on, unless the candidates are there and valid."""
    path = folder / f"{entry.tomogram}.star"
    input_key = read_attributes(entry.volume).get("fingerprint")
    key = fingerprint(model_key, settings.model_dump_json(), input_key)
    if path.exists() and read_comments(path).get("fingerprint") == key:
        logger.info("%s is up to date", entry.tomogram)
        return _Input(key=key, candidates=read_picks(path))
    volume, voxel_size, _ = open_volume(entry.volume)
    return _Input(key=key, volume=np.asarray(volume[:]), voxel_size=voxel_size)


def read_ahead(
    entries: Iterable[Entry], read: Callable[[Entry], _Input]
) -> Iterator[tuple[Entry, Future[_Input]]]:
    """Yield each entry with what is read of it, the next one being read meanwhile.

    An entry that failed before is not read; its future is never done.
    """
    with ThreadPoolExecutor(1) as reader:
        ahead: deque[tuple[Entry, Future[_Input]]] = deque()
        for entry in entries:
            future = Future[_Input]() if entry.error else reader.submit(read, entry)
            ahead.append((entry, future))
            if len(ahead) > 1:
                yield ahead.popleft()
        yield from ahead
