"""Whether settings of picking, voting and tuning fit classes and other sections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.config.methods import METHODS
from picker.config.tune import LEAST_CONTRAST, WEIGHT, check_limits

if TYPE_CHECKING:
    from picker.config import Config


def refuse_unfit_picking(config: Config) -> None:
    """Check what the sections cannot check by themselves.

    Raises
    ------
    ValueError
        If settings name classes that there are not, a setting of a vote is tuned where
        the method does not vote or a weight is of no member, a tuned setting cannot
        have its limits, entries around picks would be exported to other programs than
        Kaggle, or the benchmark has a vote of imported picks alone.
    """
    _refuse_unknown_classes(config)
    _refuse_tuning_no_vote(config)
    check_limits(config.tune, {"pick": config.pick, "vote": config.vote})
    others = [name for name in config.targets if name != "kaggle"]
    if config.pick.offsets.particles and others:
        raise ValueError(
            "pick.offsets adds 14 entries around each pick, which would ruin what"
            f" {', '.join(others)} makes of them; expected export.targets: [kaggle]"
            " with it, or leave pick.offsets.particles empty"
        )
    if "vote" in config.benchmark.methods and not config.vote.members:
        raise ValueError(
            "benchmark.methods names vote, and vote.methods names imported picks"
            " alone, which are not trained; expected a method among them, or leave"
            " vote out of the benchmark"
        )


def _refuse_unknown_classes(config: Config) -> None:
    """Refuse names in the section pick, or of tuned settings, that are no class's."""
    names = [particle.name for particle in config.particles]
    tuned = [n for n in config.tune.settings if n.startswith(LEAST_CONTRAST)]
    for setting, given in (
        ("thresholds", config.pick.thresholds),
        ("contrast.least", config.pick.contrast.least),
        ("contrast.least", [n.removeprefix(LEAST_CONTRAST) for n in tuned]),
        ("offsets.particles", config.pick.offsets.particles),
    ):
        if unknown := set(given) - set(names):
            raise ValueError(
                f"pick.{setting} names {', '.join(sorted(unknown))};"
                f" expected some of {', '.join(names)}"
            )


def _refuse_tuning_no_vote(config: Config) -> None:
    """Refuse tuned settings of a vote that does not happen, or of no member of it."""
    tuned = [name for name in config.tune.settings if name.startswith("vote.")]
    if tuned and not METHODS[config.method].votes:
        raise ValueError(
            f"tune.settings names {', '.join(tuned)}, but method is {config.method},"
            " which does not vote; expected settings of pick alone, or method: vote"
        )
    members = config.vote.methods
    for name in tuned:
        if name.startswith(WEIGHT) and name.removeprefix(WEIGHT) not in members:
            raise ValueError(
                f"tune.settings names {name}; expected one of"
                f" {', '.join(members)} at its end, or a weight of it in vote.methods"
            )
