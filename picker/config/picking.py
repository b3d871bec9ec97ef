"""From a trained network to picks, their evaluation, files and report."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from picker.config.base import (
    Count,
    Fraction,
    Positive,
    Settings,
    ShapeZYX,
    Target,
    UserPath,
    checked_name,
)
from picker.config.methods import METHODS, MethodName


class PredictSettings(Settings):
    """From tomogram to candidates."""

    NOT_IN_KEY = frozenset({"device"})

    window_zyx: ShapeZYX | None = None
    """Largest part of a tomogram that the network sees at once [voxels]; null: 192,
    352, 288, and 192, 704, 704 on a GPU where the network's stride is 2."""
    halo: Annotated[int, Field(ge=0, multiple_of=2)] = 24
    """What a window sees beyond what is kept of it, at cut faces [voxels]."""
    flips: bool = True
    """Average over the identity and flips along z, y and x."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 autocast where the processor is fast at it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: the GPU where there is one."""
    min_score: Fraction = 0.05
    """Candidates below this score are not kept at all."""
    nms_per_radius: Positive = 0.5
    """Edge of the max-pool kernel as a fraction of the particle's radius."""


class PickSettings(Settings):
    """From candidates to picks; changing it neither trains nor predicts again."""

    thresholds: dict[str, Fraction] = Field(default_factory=dict)
    """Particle: score; overrides the calibrated threshold."""
    min_distance_per_radius: Annotated[float, Field(ge=0)] = 1.0
    """No two picks of a class closer than this fraction of the radius."""
    edge_margin: Annotated[float, Field(ge=0)] = 0.0
    """Picks nearer to a face of the tomogram than this are dropped [Å]."""


class LabelNextSettings(Settings):
    """What a person should label next."""

    tomograms: Annotated[int, Field(ge=0)] = 10
    """Regions are named in so many tomograms, those with the most picks."""
    regions: Count = 3
    """Regions in each of them."""
    radius: Positive = 500.0
    """Radius of a region [Å]."""


class CalibrateSettings(Settings):
    """How thresholds are chosen; test tomograms are never looked at."""

    beta: Positive = 1.0
    """Thresholds maximise F-beta: 1 balances, 4 prefers recall as Kaggle does."""
    distance_per_radius: Positive = 0.5
    """A pick within this fraction of the radius of a known particle is right."""
    noisy_copies: Annotated[int, Field(ge=0)] = 3
    """Copies of each labeled tomogram with noise added that are calibrated on as well,
    where there are no validation tomograms."""
    noise: Positive = 0.7
    """Standard deviation of that noise, as a fraction of the tomogram's own."""


class EvaluateSettings(Settings):
    """How picks are held against the truth."""

    distances_per_radius: Annotated[tuple[Positive, ...], Field(min_length=1)] = (
        0.5,
        0.75,
    )
    """Match radii as fractions of the particle's radius."""


class ExportSettings(Settings):
    """What the next program needs to know."""

    targets: tuple[Target, ...] = (
        "relion5",
        "relion4",
        "relion3",
        "warp",
        "copick",
        "kaggle",
    )
    """Which formats to write."""
    tilt_series_pixel_size: Positive | None = None
    """Unbinned pixel size of the tilt series [Å], where the table has none; null: the
    tomogram's voxel size."""
    tomograms_star: UserPath | None = None
    """RELION's tomograms.star: pixel size and unbinned size of every tilt series, in
    place of both the above and the table's, for RELION 4 and 5."""
    user_id: str = "picker"
    """User in copick's file names."""
    session_id: str = "1"
    """Session in copick's file names."""
    relion5_centre: Literal["size/2", "size/2-1"] = "size/2"
    """Origin of RELION 5's centred coordinates."""

    _ids = field_validator("user_id", "session_id")(checked_name)


class ReportSettings(Settings):
    """What the report shows."""

    max_pictures: Annotated[int, Field(ge=0)] = 50
    """Tomograms drawn with their picks; the rest are counted only."""


class BenchmarkSettings(Settings):
    """Which trainings `snakemake benchmark` compares: each with each."""

    methods: Annotated[tuple[MethodName, ...], Field(min_length=1)] = tuple(METHODS)
    """What is compared."""
    labeled: Annotated[tuple[Count, ...], Field(min_length=1)] = (2, 5)
    """Numbers of labeled tomograms, the first of the table."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (
        0,
        1,
        2,
    )
    """Takes the place of train.seed; tables show mean and spread over them."""
    unlabeled: Count | None = None
    """Number of unlabeled tomograms, the first of the table; null: all."""
    repeats: Count = 3
    """Times that a tomogram is predicted to measure how long it takes."""
