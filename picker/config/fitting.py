"""Whether settings of picking, voting and tuning fit classes and other sections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.config.context import EVERY_CLASS
from picker.config.methods import METHODS
from picker.config.tune import LEAST_CONTRAST, SECTIONS, WEIGHT, check_limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from picker.config import Config, PickSettings


def refuse_unfit_picking(config: Config) -> None:
    """Check what the sections cannot check by themselves.

    Raises
    ------
    ValueError
        If settings name classes that there are not, a tuned setting cannot have its
        limits, entries around picks would be exported to other programs than Kaggle, or
        the benchmark has a vote of imported picks alone.
    """
    _refuse_unknown_classes(config)
    check_limits(config.tune, {name: getattr(config, name) for name in SECTIONS})
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
    """Refuse settings of classes, tuned ones too, that there are not."""
    names = [particle.name for particle in config.particles]
    tuned = [n for n in config.tune.settings if n.startswith(LEAST_CONTRAST)]
    for setting, given in (
        *classes_named(config.pick),
        ("pick.contrast.least", {n.removeprefix(LEAST_CONTRAST) for n in tuned}),
        ("deepfindet.class_weights", set(config.deepfindet.class_weights)),
    ):
        if unknown := given - set(names):
            raise ValueError(
                f"{setting} names {', '.join(sorted(unknown))};"
                f" expected some of {', '.join(names)}"
            )


def classes_named(pick: PickSettings) -> Iterator[tuple[str, set[str]]]:
    """Yield each setting of picking that names classes, and the names."""
    yield "pick.thresholds", set(pick.thresholds)
    yield "pick.contrast.least", set(pick.contrast.least)
    yield "pick.offsets.particles", set(pick.offsets.particles)
    context = pick.context
    for name, ranges in (context.by_distance | context.by_density).items():
        yield f"pick.context.{name}", set(ranges) - {EVERY_CLASS}


def refuse_unfit_tuning(config: Config) -> None:
    """Refuse tuned settings that the method does not read.

    Only who tunes asks: a table of limits may stand in the settings of other methods.

    Raises
    ------
    ValueError
        If a setting of a vote or of linking is tuned where the method does neither, or
        a weight is of no member.
    """
    row = METHODS[config.method]
    for section, is_read, wanted in (
        ("vote", row.votes, "method: vote"),
        ("link", row.links, "a method that looks at slices"),
    ):
        tuned = [n for n in config.tune.settings if n.startswith(f"{section}.")]
        if tuned and not is_read:
            raise ValueError(
                f"tune.settings names {', '.join(tuned)}, but method is"
                f" {config.method}, which does not {section}; expected settings that it"
                f" reads, or {wanted}"
            )
    members = config.vote.methods
    for name in config.tune.settings:
        if name.startswith(WEIGHT) and name.removeprefix(WEIGHT) not in members:
            raise ValueError(
                f"tune.settings names {name}; expected one of"
                f" {', '.join(members)} at its end, or a weight of it in vote.methods"
            )
