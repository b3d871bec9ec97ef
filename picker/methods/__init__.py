"""One published system a file: what each of its stages trains, and how it finds.

The engine (`training`, `finding`, `scoring`) knows none of them; see
docs/add-a-method.md.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from picker.config import ModelSettings
from picker.config.methods import METHODS
from picker.finding.finder import CPU
from picker.networks import build_model
from picker.training.doubt import blobs_in_doubt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from picker.config import Particle, Settings
    from picker.config.methods import MethodName, Row, Stage
    from picker.core.tomogram import Tomogram
    from picker.finding.finder import Finder
    from picker.networks.network import Network
    from picker.training.source import PatchSource
    from picker.training.task import Task

Section = TypeVar("Section")


class ReadSection(Protocol):
    """Returns a section of the settings."""

    def __call__(self, name: str, kind: type[Section], /) -> Section:
        """Return the section of that name."""


class Calibrated(Protocol):
    """What is known of one class's scores."""

    @property
    def threshold(self) -> float:
        """The score from which on a candidate counts."""

    @property
    def f(self) -> float | None:
        """F1 there; None where it cannot be told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Data:
    """What a stage is trained with.

    Attributes
    ----------
    particles
        The classes.
    section
        Reads settings.
    labeled, unlabeled
        Tomograms to cut patches from.
    voxel_size
        Of these tomograms [Å].
    calibrate
        Returns each class's best threshold for a model, on validation tomograms where
        there are any, else on labeled ones, else on partial ones.
    hidden
        Estimates with a model how many particles of each class have no label, in all
        those partial tomograms where nobody knows: `(class,)`, NaN where there is
        nothing to tell by.
    """

    particles: tuple[Particle, ...]
    section: ReadSection
    labeled: Sequence[PatchSource]
    unlabeled: Sequence[PatchSource]
    voxel_size: float
    calibrate: Callable[[Network], Mapping[str, Calibrated]]
    hidden: Callable[[Network], NDArray[np.float64]]


class Method(ABC):
    """A published system.

    Attributes
    ----------
    row
        What the workflow knows of it.
    densities
        Density maps of classes by name, particles light; for finding with a method
        whose row says that it finds by them, else empty.
    """

    def __init__(self, row: Row, densities: Mapping[str, Tomogram]) -> None:
        self.row = row
        self.densities = densities

    def network(self, settings: Settings, num_particles: int) -> Network:
        """Return an untrained network, with random weights from torch's state.

        Parameters
        ----------
        settings
            The section that the row's `architecture` names.
        num_particles
            Number of classes.
        """
        assert self.row.network is not None
        assert isinstance(settings, ModelSettings)
        return build_model(settings, num_particles, self.row.network)

    def proposals(self, stage: Stage, data: Data) -> Sequence[PatchSource] | None:
        """Return what a stage is taught in place of labels, which `task` then gets.

        None: it learns from `data.labeled` as it is. Stages that name splits in
        `proposed` have proposals there already.
        """
        del stage, data
        return None

    def task(self, stage: Stage, data: Data, model: Network) -> Task | None:
        """Return what a stage trains; None: there is nothing to train.

        Parameters
        ----------
        stage
            One of the row's.
        data
            What there is to train with.
        model
            Of the stage before, which is the result if there is nothing to train; for
            the first stage an untrained network.
        """
        raise ValueError(f"{self.row.module} trains no {stage.name}")

    @abstractmethod
    def finder(
        self,
        models: Sequence[Network],
        particles: tuple[Particle, ...],
        section: ReadSection,
        device: torch.device,
    ) -> Finder:
        """Return what finds particles.

        Parameters
        ----------
        models
            Those of `row.models`, on the device and in `eval` mode.
        particles
            The classes that they know.
        section
            Reads settings.
        device
            Where to compute.
        """


def load(name: MethodName, densities: Mapping[str, Tomogram] | None = None) -> Method:
    """Return a method, with density maps if it is given any.

    Only its own file is loaded.
    """
    row = METHODS[name]
    assert row.module is not None
    module = importlib.import_module(f"picker.methods.{row.module}")
    return cast("Method", module.METHOD(row, densities or {}))


def blob_finder(data: Data) -> Finder:
    """Return the filter of method blobs, for methods that learn of blobs."""
    return load("blobs").finder([], data.particles, data.section, CPU)


def without_doubtful(data: Data) -> list[PatchSource]:
    """Return the labeled tomograms, where blobs without a label say nothing.

    See `picker.training.doubt`; for detectors, which take what has no label for none.
    """
    find = blob_finder(data).candidates
    return [blobs_in_doubt(s, find, data.particles) for s in data.labeled]
