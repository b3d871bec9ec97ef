"""What predicting writes of each tomogram: candidates, or detections to be linked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np

from picker.core.detections import Detections
from picker.core.picks import Picks, score_histogram
from picker.finding.slice_finder import SliceFinder
from picker.formats.picks.detections import read_detections, write_detections
from picker.formats.picks.star import read_picks, write_picks
from picker.project.records import Detected, Predicted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from picker.finding.finder import Finder, Volume
    from picker.jobs.loaded import Loaded
    from picker.project.records import Half, Preprocessed

Found = TypeVar("Found", Picks, Detections)
Written = TypeVar("Written", contravariant=True)


class Write(Protocol[Written]):
    """Writes what was found to a file, with comments."""

    def __call__(
        self, path: Path, found: Written, notes: Mapping[str, str] | None, /
    ) -> None:
        """Write it, whole or not at all."""


class Record(Protocol):
    """Returns the record of a tomogram and of what was found in it."""

    def __call__(
        self, entry: Preprocessed, path: Path, key: str, half: Half | None, /
    ) -> Predicted | Detected:
        """Return it; `key` is the digest of what the file was made from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Product(Generic[Found]):
    """One of the two.

    Attributes
    ----------
    name
        What it is called in the log.
    model_key
        Digest of what its scores come from.
    find
        Finds it in a volume, with voxels of a size [Å], in a region.
    read, write, record
        Its files, and what a manifest says of one.
    counts
        Number of each class's scores in each bin, all zero; empty: nobody asks.
    """

    name: str
    model_key: str
    find: Callable[[Volume, float, NDArray[np.bool_] | None], Found]
    read: Callable[[Path], Found]
    write: Write[Found]
    record: Record
    counts: Mapping[str, NDArray[np.int64]]

    @property
    def histograms(self) -> dict[str, tuple[int, ...]]:
        """`counts` as a manifest has them."""
        return {name: tuple(total.tolist()) for name, total in self.counts.items()}

    def count(self, found: Found) -> None:
        """Add a tomogram's scores to `counts`."""
        if isinstance(found, Picks):
            for name, total in self.counts.items():
                total += score_histogram(found.of(name).score)


def candidates_by(loaded: Loaded) -> Product[Picks]:
    """Return candidates, which every method finds."""
    names: Sequence[str] = [particle.name for particle in loaded.finder.particles]
    return Product(
        name="candidates",
        model_key=loaded.model_key,
        find=loaded.finder.candidates,
        read=read_picks,
        write=write_picks,
        record=_predicted,
        counts={name: score_histogram(np.zeros(0)) for name in names},
    )


def detections_by(loaded: Loaded) -> Product[Detections]:
    """Return detections, which a method finds that looks at slices.

    Raises
    ------
    ValueError
        If it looks at none.
    """
    finder: Finder = loaded.finder
    if not isinstance(finder, SliceFinder) or loaded.detector_key is None:
        raise ValueError(
            f"method {loaded.card.method} looks at no slices, so that it has no"
            " detections; expected --candidates in place of --detections"
        )
    return Product(
        name="detections",
        model_key=loaded.detector_key,
        find=lambda volume, voxel_size, _: finder.detections(volume, voxel_size),
        read=read_detections,
        write=write_detections,
        record=_detected,
        counts={},
    )


def _predicted(
    entry: Preprocessed, path: Path, key: str, half: Half | None
) -> Predicted:
    return Predicted(preprocessed=entry, candidates=path, fingerprint=key, half=half)


def _detected(entry: Preprocessed, path: Path, key: str, half: Half | None) -> Detected:
    return Detected(preprocessed=entry, detections=path, fingerprint=key, half=half)
