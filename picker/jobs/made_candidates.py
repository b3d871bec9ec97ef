"""Candidates of one shard that are made of what is known already, without a network."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from picker.core.picks import score_histogram
from picker.formats.picks.star import read_picks, write_picks
from picker.formats.tables.star_table import read_comments
from picker.jobs.failures import told_failure
from picker.machine.progress import tracked
from picker.project.manifests import write_manifest
from picker.project.records import Failed, Predicted, failed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.config import Particle
    from picker.core.picks import Picks
    from picker.project.records import Half, Preprocessed

logger = logging.getLogger("picker")


class Source(Protocol):
    """What the candidates of a tomogram, a noisy copy or a half are made of."""

    @property
    def file(self) -> str:
        """Name of the file of candidates."""

    @property
    def preprocessed(self) -> Preprocessed:
        """The tomogram."""

    @property
    def half(self) -> Half | None:
        """Which half; None: the whole."""

    @property
    def detections(self) -> Path | None:
        """What is linked; None: nothing is."""

    def key(self) -> str:
        """Return a digest of what the candidates are made of."""

    def candidates(self) -> Picks:
        """Return the candidates."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Making:
    """How a shard's candidates are made.

    Attributes
    ----------
    name
        Name of the work.
    particles
        The classes.
    model
        Digest of what their scores come from.
    """

    name: str
    particles: tuple[Particle, ...]
    model: str


def write_made(
    making: Making, sources: Sequence[Source | Failed], folder: Path, output: Path
) -> None:
    """Write the candidates of a shard, as `predict_shard.write_shard` does.

    Those that are there and valid are left alone. A tomogram whose candidates cannot be
    made is recorded and the others continue.

    Parameters
    ----------
    making
        How they are made.
    sources
        What they are made of.
    folder
        Where they are written.
    output
        Manifest to write.

    Raises
    ------
    OSError
        If the disk takes nothing.
    """
    totals = {p.name: score_histogram(np.zeros(0)) for p in making.particles}
    done: list[Predicted | Failed] = []
    for one in tracked(sources, making.name, len(sources), "tomograms"):
        if isinstance(one, Failed):
            done.append(replace(one, path=folder / one.path.name))
            continue
        path = folder / one.file
        try:
            key, found = _candidates(one, path)
        except Exception as error:
            reason = told_failure(one.preprocessed.tomogram, path, error)
            done.append(failed(one.preprocessed, path, reason))
            continue
        for name, total in totals.items():
            total += score_histogram(found.of(name).score)
        done.append(
            Predicted(
                preprocessed=one.preprocessed,
                candidates=path,
                fingerprint=key,
                half=one.half,
                detections=one.detections,
            )
        )
    write_manifest(
        output,
        done,
        histograms={name: tuple(total.tolist()) for name, total in totals.items()},
        model=making.model,
    )


def _candidates(one: Source, path: Path) -> tuple[str, Picks]:
    """Return one tomogram's key and candidates, which are written unless valid."""
    key = one.key()
    if path.exists() and read_comments(path).get("fingerprint") == key:
        logger.info("%s is up to date", path.stem)
        return key, read_picks(path)
    found = one.candidates()
    write_picks(path, found, {"fingerprint": key})
    logger.info("%s: %d candidates", path.stem, len(found))
    return key, found
