"""What the page shows, as plain records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.report.browse import Thumbnail
    from picker.report.costs import StageCost
    from picker.report.proposals import ProposalsPictures
    from picker.scoring.reliability import Reliability


@dataclass(frozen=True, kw_only=True, slots=True)
class TomogramRecord:
    """What the page's tables show of one tomogram.

    Attributes
    ----------
    tomogram, split
        Its name, and what it is used for.
    num_picks, num_truth
        Class: number of picks and of known particles; truth is None where no particles
        are known.
    is_partial
        Whether the known particles are a part of all.
    mean_score
        Of its picks of all classes, whose scores differ in what they are worth; None
        without picks.
    chance_right
        Fraction of its picks that should be right, by the reliability of each class's
        scores; None where validation tomograms have not measured any.
    warnings
        What is odd about it.
    error
        Why it failed; None if it did not.
    """

    tomogram: str
    split: str = ""
    num_picks: Mapping[str, int] = field(default_factory=dict)
    num_truth: Mapping[str, int] | None = None
    is_partial: bool = False
    mean_score: float | None = None
    chance_right: float | None = None
    warnings: Sequence[str] = ()
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundRecord:
    """What the page shows of one round of answers.

    Attributes
    ----------
    name
        Of its folder.
    answers
        What was said: how often.
    before
        How good the run was that the answers are about, as text.
    difference
        By how much this run is better; None: see `why`.
    why
        Why there is no difference.
    """

    name: str
    answers: Mapping[str, int]
    before: str
    difference: float | None
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportData:
    """Everything that the page shows; sections without data are left out.

    Attributes
    ----------
    method
        Name of the method.
    particles
        The classes.
    tomograms
        One record each, the failed ones too.
    settings
        Section: its settings.
    training
        Stage: the columns of its log, see `training_columns`.
    histograms
        Class: `score_histogram` of its candidates, summed over tomograms.
    thresholds
        Class: lowest score of a pick.
    rules
        Class: what its threshold rests on, as the calibration's JSON has it, where a
        part of the particles has labels; else empty.
    metrics
        What `evaluate.metrics` or `evaluate_partial.metrics_of_partial` returns; None
        without known particles.
    curves
        Class: its precision, or number of picks, and recall, see `curve_columns`.
    by_tomogram
        Tomogram, the worst first: its counts, see `counts_by_tomogram`.
    reliability
        Class: which fraction of candidates of a score is right, where held-out
        tomograms tell.
    estimate
        Rows of picking's table of the precision and recall to expect.
    reproducibility
        Class: what halves tell at each threshold, see `reproducibility_columns`.
    label_next
        Tomograms without labels or with some, those that teach the most first.
    regions
        Rows of the table of regions to label, the fullest first.
    classes
        Class: address of its page, from the folder of this one.
    rounds
        Rounds of answers that this run has trained on, the earliest first.
    measured
        How good this run is, as text; empty if nobody knows.
    costs
        Stage, in the order that stages run in: what it took.
    thumbnails
        The tomograms that have pages of their own.
    proposals
        What a stage that learned from proposals was taught, and what came of it.
    pages
        Address of the folder of these pages.
    notes
        Lines under the headline, such as where the tomograms come from.
    """

    method: str
    particles: Sequence[Particle]
    tomograms: Sequence[TomogramRecord]
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    training: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(
        default_factory=dict
    )
    histograms: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metrics: Mapping[str, Any] | None = None
    curves: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(
        default_factory=dict
    )
    by_tomogram: Mapping[str, Mapping[str, Mapping[str, str]]] = field(
        default_factory=dict
    )
    reliability: Mapping[str, Reliability] = field(default_factory=dict)
    estimate: Sequence[Mapping[str, str]] = ()
    reproducibility: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(
        default_factory=dict
    )
    label_next: Sequence[str] = ()
    regions: Sequence[Mapping[str, str]] = ()
    classes: Mapping[str, str] = field(default_factory=dict)
    rounds: Sequence[RoundRecord] = ()
    measured: str = ""
    costs: Mapping[str, StageCost] = field(default_factory=dict)
    thumbnails: Sequence[Thumbnail] = ()
    proposals: ProposalsPictures | None = None
    pages: str = "report"
    notes: Sequence[str] = ()
