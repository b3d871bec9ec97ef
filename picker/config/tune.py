"""Settings of the search for better settings, and how these are changed."""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from picker.config.base import Count, Finite, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

Section = TypeVar("Section", bound=Settings)

SECTIONS = ("pick", "vote", "link")
"""Those whose numbers can be tuned: they take seconds to try."""
REFUSED = {
    "pick.thresholds": "thresholds are chosen anew for all other settings",
    "pick.offsets": "every entry around a pick counts as wrong",
    "pick.context": "what is around candidates is looked at once, before all trials",
}
"""Settings that cannot be tuned, and why."""
LEAST_CONTRAST = "pick.contrast.least."
"""How the name of a tuned setting begins that is a class's least contrast."""
WEIGHT = "vote.methods."
"""How the name of a tuned setting begins that is a member's weight in a vote."""


class TuneSettings(Settings):
    """What `snakemake tune` searches, on tomograms that thresholds are chosen on.

    Nothing else reads this section. docs/tune.md says what comes of it.
    """

    settings: Annotated[dict[str, tuple[Finite, Finite]], Field(min_length=1)] = Field(
        default_factory=lambda: {"pick.min_distance_per_radius": (0.3, 1.5)}
    )
    """Numbers with the limits between which they are searched: of section pick, with
    method vote of vote, and with methods that look at slices of link. For instance
    {vote.distance_per_radius: [0.2, 1], vote.methods.deepfindet: [0.1, 2],
    link.xy_per_radius: [0.1, 0.6], pick.contrast.least.ribosome: [0, 0.5]}. Where a
    whole number is expected they are rounded."""
    search: Literal["bayesian", "grid"] = "bayesian"
    """How they are searched:
    - bayesian: some spread evenly, then one after the other where a Gaussian process
      expects the most.
    - grid: all combinations of evenly spaced values."""
    initial: Count = 10
    """With bayesian: number of evenly spread trials, the settings as they are among
    them."""
    steps: Annotated[int, Field(ge=0)] = 50
    """With bayesian: number of trials after these."""
    grid: Annotated[int, Field(ge=2)] = 5
    """With grid: number of values of each setting, both limits among them."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the search."""

    @field_validator("settings")
    @classmethod
    def _can_be_searched(
        cls, settings: dict[str, tuple[float, float]]
    ) -> dict[str, tuple[float, float]]:
        for name, (low, high) in settings.items():
            section, *keys = name.split(".")
            if section not in SECTIONS or not keys:
                raise ValueError(
                    f"{name} cannot be tuned; expected a number of section"
                    f" {' or '.join(SECTIONS)}, as pick.min_distance_per_radius"
                )
            for refused, reason in REFUSED.items():
                if f"{name}.".startswith(f"{refused}."):
                    raise ValueError(f"{name} cannot be tuned: {reason}; leave it out")
            if not low < high:
                raise ValueError(
                    f"{name} is between {low:g} and {high:g}; expected the lower limit"
                    " first, swap them"
                )
        return settings


def keys_of(name: str) -> list[str]:
    """Return the keys that lead to a number by its name, that of its section first.

    They are what dots part; the name of a class or of a vote's member is one key, and
    may have dots itself.
    """
    for start in (LEAST_CONTRAST, WEIGHT):
        if name.startswith(start):
            return [*start.rstrip(".").split("."), name.removeprefix(start)]
    return name.split(".")


def value_of(section: Settings, name: str) -> float | None:
    """Return a number of a section by its name, as `pick.top_k`; None if unset.

    Raises
    ------
    ValueError
        If there is no such setting, or it is no number.
    """
    value: Any = section.model_dump(mode="json")
    for key in keys_of(name)[1:]:
        value = value.get(key) if isinstance(value, dict) else ...
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, int | float)
    ):
        raise ValueError(
            f"tune.settings names {name}, which is no number; expected the name of a"
            " number, with its section in front"
        )
    return value


def changed(section: Section, values: Mapping[str, float]) -> Section:
    """Return a section with other numbers, by their names, checked together as ever.

    Raises
    ------
    ValueError
        If there is no such setting, or they cannot have these numbers.
    """
    for name in values:
        value_of(section, name)
    try:
        return _with(section, values)
    except ValidationError as error:
        wrong = [one["loc"] for one in error.errors()]
    rounded = {
        name: round(value) if _place(name) in wrong else value
        for name, value in values.items()
    }
    try:
        return _with(section, rounded)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        wrong = [one["loc"] for one in error.errors()]
    culprits = [name for name in values if _place(name) in wrong] or list(values)
    told = " and ".join(f"{name} cannot be {values[name]:g}" for name in culprits)
    raise ValueError(
        f"tune.settings: {told} ({reason}); expected a setting of config.yaml that can"
        " be all between its limits"
    )


def check_limits(tuned: TuneSettings, sections: Mapping[str, Settings]) -> None:
    """Check that tuned settings can have both of their limits, with those of any other.

    Parameters
    ----------
    tuned
        What is to be searched.
    sections
        The settings as they are; names of other sections are not checked.

    Raises
    ------
    ValueError
        As `changed`.
    """
    for name, section in sections.items():
        limits = {
            key: pair
            for key, pair in tuned.settings.items()
            if key.startswith(f"{name}.")
        }
        lowest = {key: low for key, (low, _) in limits.items()}
        for size in (1, 2):
            for keys in combinations(limits, size):
                for values in product(*(limits[key] for key in keys)):
                    chosen = dict(zip(keys, values, strict=True))
                    changed(section, lowest | chosen)


def _place(name: str) -> tuple[str, ...]:
    """Return where a number is in its section."""
    return tuple(keys_of(name)[1:])


def _with(section: Section, values: Mapping[str, float]) -> Section:
    content = section.model_dump(mode="json")
    for name, value in values.items():
        _, *outer, last = keys_of(name)
        inner = content
        for key in outer:
            inner = inner.setdefault(key, {})
        inner[last] = value
    return type(section).model_validate(content)
