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
from picker.config.methods import MethodName


class PredictSettings(Settings):
    """From a tomogram to candidates: all peaks, before thresholds."""

    NOT_IN_KEY = frozenset({"device"})

    window_zyx: ShapeZYX | None = None
    """Largest part of a tomogram that the network sees at once [voxels], z, y, x: the
    larger, the faster and the more memory. Tomograms are cut into the fewest windows of
    about one size; what does not fit into a GPU's memory is halved. null: 192, 352,
    288; on a GPU, but for vnet and deepfindet, 192, 704, 704."""
    halo: Annotated[int, Field(ge=0, multiple_of=2)] = 24
    """What a window sees beyond the part that is kept of it [voxels], even: the padding
    at its cut faces spoils what is nearer."""
    flips: bool = True
    """Average over the tomogram and its flips along z, y and x: 4 times the work."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 where the processor is fast at it; or float32, bfloat16."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: the GPU where there is one; or cpu, cuda."""
    min_score: Fraction = 0.05
    """Peaks with a lower score, in 0..1, are not kept at all."""
    nms_per_radius: Positive = 0.5
    """Edge of the window in which a peak is the highest, as a fraction of the
    particle's radius."""


class PickSettings(Settings):
    """From candidates to picks; a change here neither trains nor predicts again."""

    thresholds: dict[str, Fraction] = Field(default_factory=dict)
    """Particle: lowest score of a pick, in 0..1, in place of the calibrated threshold;
    for instance {ribosome: 0.3}."""
    min_distance_per_radius: Annotated[float, Field(ge=0)] = 1.0
    """No two picks of a class are closer than this fraction of the radius."""
    edge_margin: Annotated[float, Field(ge=0)] = 0.0
    """Picks nearer to a face of the tomogram than this [Å] are dropped."""


class LabelNextSettings(Settings):
    """What to label next, in results/<method>/label_next/.

    Regions of the tomograms without labels that have the most picks.
    """

    tomograms: Annotated[int, Field(ge=0)] = 10
    """Number of tomograms, the first ones of label_next.tsv."""
    regions: Count = 3
    """Regions in each of them: balls with the most picks."""
    radius: Positive = 500.0
    """Radius of a region [Å]."""


class CalibrateSettings(Settings):
    """How thresholds are chosen.

    On validation tomograms where there are any, else on the labeled ones; never on test
    ones.
    """

    beta: Positive = 1.0
    """Thresholds maximise F-beta, no unit: 1 balances, 4 prefers recall as Kaggle
    does."""
    distance_per_radius: Positive = 0.5
    """A pick within this fraction of the radius of a known particle is right."""
    noisy_copies: Annotated[int, Field(ge=0)] = 3
    """Without validation tomograms: this many copies of each labeled one, with noise
    added, are calibrated on as well. Particles that were trained on score too high, and
    noise undoes that. 0: the labeled tomograms as they are."""
    noise: Positive = 0.7
    """Standard deviation of that noise, as a fraction of the tomogram's own."""


class EvaluateSettings(Settings):
    """How picks are compared with the truth of test tomograms."""

    distances_per_radius: Annotated[tuple[Positive, ...], Field(min_length=1)] = (
        0.5,
        0.75,
    )
    """Match distances as fractions of the particle's radius."""


class ExportSettings(Settings):
    """Picks for other programs."""

    targets: tuple[Target, ...] = (
        "relion5",
        "relion4",
        "relion3",
        "warp",
        "copick",
        "kaggle",
    )
    """Which: relion5, relion4, relion3 (3.1), warp, copick, kaggle, portal (CryoET data
    portal's ndjson), imod (.mod), dynamo (.tbl), tomotwin (.coords), cbox (crYOLO),
    eman2 (json). docs/export.md has their units and origins."""
    tilt_series_pixel_size: Positive | None = None
    """Unbinned pixel size of the tilt series [Å], where the table's tilt_pixel_size
    does not say it; null: the tomogram's voxel size."""
    tomograms_star: UserPath | None = None
    """RELION's tomograms.star (4 or 5), which knows the unbinned pixel size [Å] and
    size [pixels] of every tilt series: for targets relion4 and relion5, in place of
    tilt_series_pixel_size and the table's tilt_pixel_size. Names must be our
    tomograms'."""
    user_id: str = "picker"
    """User in the names of copick's files."""
    session_id: str = "1"
    """Session in the names of copick's files, quoted."""
    relion5_centre: Literal["size/2", "size/2-1"] = "size/2"
    """Origin of RELION 5's centred coordinates [voxels]: size/2 or size/2-1."""

    _ids = field_validator("user_id", "session_id")(checked_name)


class ReportSettings(Settings):
    """One page to look at: results/report.html."""

    max_pictures: Annotated[int, Field(ge=0)] = 50
    """Number of tomograms drawn with their picks; the others are only counted."""


class BenchmarkSettings(Settings):
    """Methods side by side, with `snakemake benchmark`: see docs/benchmark.md.

    Nothing else reads this section. Every method is trained with each number of labels
    and each seed.
    """

    methods: Annotated[tuple[MethodName, ...], Field(min_length=1)] = (
        "supervised",
        "semietpicker",
    )
    """Which methods; the names are explained at the top."""
    labeled: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2)
    """Numbers of labeled tomograms to train on: the first ones of the table."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (
        0,
        1,
    )
    """Seeds of training, in place of train.seed; tables show mean and spread over
    them."""
    unlabeled: Count | None = None
    """Number of unlabeled tomograms to train on, the first of the table; null: all."""
    repeats: Count = 3
    """Times that a tomogram is predicted to measure how long it takes."""
