"""Settings from prediction to picks, evaluation, export and report."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from picker.config.base import (
    Angles,
    Count,
    Fraction,
    Positive,
    Settings,
    ShapeZYX,
    Target,
    UserPath,
    checked_name,
)
from picker.config.context import ContextSettings
from picker.config.steps import ContrastSettings, OffsetsSettings


class PredictSettings(Settings):
    """From a tomogram to candidates: all peaks, before thresholds."""

    # What looks at no slice is the same with any step; see `read_loaded`.
    NOT_IN_KEY = frozenset({"device", "slice_step"})

    window_zyx: ShapeZYX | None = None
    """Largest part of a tomogram that the network sees at once [voxels], z, y, x. A
    larger one is faster and takes more memory. Tomograms are cut into the fewest
    windows, of about equal size; a window that does not fit into a GPU's memory is
    halved. null: 192, 352, 288, or 192, 264, 264 in float32 and for networks of more
    than 32 channels at their finest, as model.preset full; on a GPU 192, 704, 704,
    except for vnet, deepfindet and tomopicker."""
    halo: Annotated[int, Field(ge=0, multiple_of=2)] = 24
    """Margin that a window sees around the part that is kept [voxels], even. Padding at
    its cut faces spoils what lies nearer to them."""
    flips: bool = True
    """Average the heatmaps of the tomogram and of its flips along z, y and x: takes 4
    times as long."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of convolutions: bfloat16, float32, or auto (bfloat16 if the processor
    is fast at it)."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to predict: cpu, cuda, or auto (the GPU if there is one)."""
    min_score: Fraction = 0.05
    """Lowest score of a candidate, in 0..1; lower peaks are not kept."""
    nms_per_radius: Positive = 0.5
    """Edge of the cube in which a peak must be the highest, as a fraction of the
    particle's radius."""
    slice_step: Count = 1
    """With methods that look at slices: they look at every so many-th, and 2 takes half
    of the time. At most link.z_gap + 1; a particle should reach over some four slices
    that are looked at."""


class PickSettings(Settings):
    """From candidates to picks. A change here does not train or predict again."""

    thresholds: dict[str, Fraction] = Field(default_factory=dict)
    """Lowest score of a pick for a particle, in 0..1, in place of its calibrated
    threshold; for instance {ribosome: 0.3}."""
    min_distance_per_radius: Annotated[float, Field(ge=0)] = 1.0
    """Least distance of two picks of a class, as a fraction of the particle's
    radius."""
    edge_margin: Annotated[float, Field(ge=0)] = 0.0
    """Least distance of a pick from a face of the tomogram [Å]; nearer ones are
    dropped."""
    contrast: ContrastSettings = ContrastSettings()
    merge_per_radius: Annotated[float, Field(ge=0)] = 0.0
    """Candidates of a class that lie as near as this to a better one are merged with
    it, to their mean position, before distances are looked at; a fraction of the
    particle's radius, 0.1 in the report on the CZII challenge. 0: none are."""
    context: ContextSettings = ContextSettings()
    offsets: OffsetsSettings = OffsetsSettings()
    top_k: Count | None = None
    """Greatest number of picks of a class in a tomogram: the best of those that are
    left. null: no limit."""


class LabelNextSettings(Settings):
    """What to label next, in results/<method>/label_next/.

    These are the regions with the most picks, in tomograms without labels or with a
    part of them.
    """

    tomograms: Annotated[int, Field(ge=0)] = 10
    """Number of tomograms: the first ones of label_next.tsv."""
    regions: Count = 3
    """Number of regions in each of them: the balls with the most picks."""
    radius: Positive = 500.0
    """Radius of a region [Å]."""


class CalibrateSettings(Settings):
    """How thresholds are chosen: on validation tomograms if there are any.

    Without them the labeled ones are used, without these the partial ones, and never
    test ones.
    """

    beta: Positive = 1.0
    """β of the F-beta that thresholds maximise, no unit: 1 balances precision and
    recall, 4 prefers recall, as Kaggle does."""
    distance_per_radius: Positive = 0.5
    """Greatest distance of a right pick from a known particle, as a fraction of the
    particle's radius."""
    copies: Literal["auto", "noise", "halves"] = "auto"
    """Without validation tomograms: what is used beside each labeled one. Particles
    that were trained on score too high, and more noise compensates for that:
    - auto: halves if all labeled tomograms have them, else noise.
    - noise: copies with noise added.
    - halves: its even and its odd half, which every labeled tomogram must have."""
    noisy_copies: Annotated[int, Field(ge=0)] = 3
    """Number of copies with noise of each labeled tomogram. 0: the labeled tomograms
    alone."""
    noise: Positive = 0.7
    """Standard deviation of that noise, as a fraction of the tomogram's; the copies are
    normalised again."""
    partial: Literal["f1", "number"] = "f1"
    """With partial tomograms alone, where precision is not known, what a threshold is
    chosen for; a number of particles that is not given is estimated from the held-out
    labels:
    - f1: the highest F-beta that follows from that number and from the fraction of
      held-out labels that is found. Without held-out labels, as with fewer than ten of
      a particle, midway between number and 0.7 of the labels' median score, so that a
      number that is off by half costs little.
    - number: as many picks as there are particles."""


class EvaluateSettings(Settings):
    """How picks are compared with the known particles of test tomograms."""

    distances_per_radius: Annotated[tuple[Positive, ...], Field(min_length=1)] = (
        0.5,
        0.75,
    )
    """Match distances, as fractions of the particle's radius."""
    distance_voxels: Positive | None = None
    """One more match distance, in voxels of the tomogram's file, for F1 alone; 10 in
    the paper of TomoPicker. null: none."""


class ReproducibilitySettings(Settings):
    """Precision and recall to expect where nobody picked, from even and odd halves.

    docs/reproducibility.md says how, and what halves cannot see. Nothing of it runs
    where no tomogram has halves.
    """

    tomograms: Annotated[int, Field(ge=0)] = 50
    """Number of tomograms whose halves are predicted, which takes twice the time of the
    tomogram: those of the first shards that have halves and whose picks train nothing.
    0: none."""


class ExportSettings(Settings):
    """Picks for other programs."""

    targets: tuple[Target, ...] | None = None
    """The programs: relion5, relion4, relion3 (3.1), warp, copick, kaggle, portal
    (ndjson of the CryoET data portal), imod (.mod), peet (.mod with .csv), dynamo
    (.tbl), stopgap (.star), av3 (.em), tomotwin (.coords), cbox (crYOLO), eman2 (json);
    for micrographs autopick (STAR of RELION), box (EMAN) and cbox. docs/export.md has
    their units and origins. null: relion5, relion4, relion3, warp, copick and kaggle;
    for micrographs autopick and box."""
    tilt_series_pixel_size: Positive | None = None
    """Unbinned pixel size of the tilt series [Å], for tomograms without tilt_pixel_size
    in the table; null: the tomogram's voxel size."""
    tomograms_star: UserPath | None = None
    """tomograms.star of RELION 4 or 5, with the unbinned pixel size [Å] and size
    [pixels] of every tilt series: used for relion4 and relion5, in place of
    tilt_series_pixel_size and the table's tilt_pixel_size. It must have the names of
    our tomograms."""
    user_id: str = "picker"
    """User in the names of copick's files."""
    session_id: str = "1"
    """Session in the names of copick's files, quoted."""
    angles: Angles = "known"
    """Angles of picks whose orientation is not known, in files of programs that keep
    angles; docs/orientations.md has the programs' conventions:
    - known: none where no pick of a class has a known orientation, else 0.
    - zero: 0, for programs that need angles, such as M.
    - random: all orientations equally likely."""
    angles_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of random angles."""
    relion5_centre: Literal["size/2", "size/2-1"] = "size/2"
    """Origin of RELION 5's centred coordinates [voxels]: size/2 or size/2-1."""

    _ids = field_validator("user_id", "session_id")(checked_name)


class ReportSettings(Settings):
    """Pages to look at: results/report.html and those that it links to."""

    max_pictures: Annotated[int, Field(ge=0)] = 50
    """Number of tomograms that have a page with their slices and picks, of up to 300
    kB; the others are only counted."""
