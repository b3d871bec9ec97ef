"""Settings of pre-training, a stage before burn-in that needs no label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from picker.config.base import Count, Fraction, Positive, Settings
from picker.config.methods import METHODS

if TYPE_CHECKING:
    from picker.config import Config
    from picker.config.methods import MethodName


class PretrainSettings(Settings):
    """A stage before burn-in that needs no label: it learns from proposals.

    Proposals are candidates that nobody has checked, in unlabeled and labeled tomograms
    alike. The surest teach as labels do, the less sure teach nothing, and elsewhere is
    background (docs/pretrain.md, with what it gains).
    """

    proposals: Literal["none", "blobs", "template", "picks"] = "none"
    """Where proposals come from:
    - none: there is no such stage.
    - blobs: what method blobs finds, with section blobs. As it does not tell classes
      apart, a blob teaches all of them alike where labels follow.
    - template: what method template finds, with section template and the classes'
      density maps.
    - picks: the files in the table's column picks, of unlabeled tomograms too: picks of
      another program or project."""
    steps: Count = 1000
    """Number of optimizer steps of each stage that learns from proposals."""
    learning_rate: Positive = 1e-3
    """Highest learning rate, no unit; warm-up and fall are as burn-in's defaults."""
    min_score: Fraction = 0.5
    """Least score of a proposal that teaches, in 0..1. At 0.5 blobs are
    blobs.threshold_sd high, matches template.threshold_sd. Of picks all teach, up to
    top."""
    doubt: Fraction = 0.9
    """Fraction of that score from which on a proposal is doubtful, in 0..1. At doubtful
    ones nothing is learned; what is lower is background."""
    top: Count | None = None
    """Greatest number of proposals of a class that teach in a tomogram: those of the
    highest scores; others are doubtful. null: no limit."""
    tomograms: Count = 50
    """Number of tomograms in which proposals are made: the labeled ones and those of
    the others whose names come first."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Further sections that the stage reads, as these settings are."""
        found = self.proposals in ("blobs", "template")
        return (self.proposals, "predict") if found else ()


def refuse_unmade_proposals(config: Config) -> None:
    """Refuse proposals that nothing makes, or that the method cannot learn from.

    Raises
    ------
    ValueError
        If the method learns from proposals alone and there are none, cannot learn from
        them, or training would begin with another project's model besides.
    """
    for method in config.finding(config.method):
        _refuse_unmade_proposals(config, method)
    for method in config.benchmark.methods:
        _refuse_nothing_to_learn_from(config, method, "benchmark.methods")


def _refuse_nothing_to_learn_from(
    config: Config, method: MethodName, named_by: str
) -> None:
    """Refuse a method that learns from proposals where nothing makes any."""
    if config.pretrain.proposals != "none":
        return
    for name in config.finding(method):
        if any(stage.proposed for stage in METHODS[name].stages):
            raise ValueError(
                f"{named_by}: method {name} learns from proposals and"
                " pretrain.proposals is none; expected blobs, template or picks, set it"
            )


def _refuse_unmade_proposals(config: Config, method: MethodName) -> None:
    """Refuse them of one method, or of one member of a vote."""
    row, proposals = METHODS[method], config.pretrain.proposals
    _refuse_nothing_to_learn_from(config, method, "method")
    if proposals == "none" or not row.stages:
        return
    needs_them = any(stage.proposed for stage in row.stages)
    if not needs_them and row.pretrain is None:
        able = ", ".join(name for name, one in METHODS.items() if one.pretrain)
        raise ValueError(
            f"pretrain.proposals is {proposals} and method {method} cannot learn"
            f" from proposals; expected none, or one of the methods {able}"
        )
    if config.burn_in.start_from:
        raise ValueError(
            f"pretrain.proposals is {proposals} and burn_in.start_from names a model;"
            " expected one of them, as training begins once: set proposals to none, or"
            " start_from to null"
        )
