"""Settings of the method vote, which joins what other methods and programs found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from picker.config.base import Count, Positive, Settings, UserPath, checked_name
from picker.config.methods import METHODS, MethodName

if TYPE_CHECKING:
    from pathlib import Path


class VoteSettings(Settings):
    """The method vote: joins the candidates of several methods and programs.

    Scores are made comparable first: they become the fraction of candidates of that
    score that is right where thresholds are chosen. docs/vote.md says how.
    """

    methods: Annotated[dict[str, Positive], Field(min_length=1)] = Field(
        default_factory=lambda: {"semietpicker": 1.0, "deepfindet": 1.0}
    )
    """Whose candidates are joined, each with its weight: methods of this project, which
    are trained and predict as ever, and names in imported."""
    imported: dict[str, UserPath] = Field(default_factory=dict)
    """Picks of other programs under names of your own: a file, or a folder with all its
    files; for instance {cryolo: picks/cryolo}."""
    distance_per_radius: Positive = 0.5
    """Greatest distance of two candidates of one particle, as a fraction of the
    particle's radius."""
    min_methods: Count = 1
    """Least number of members that must have found a candidate."""
    score: Literal["weighted_mean", "any_right"] = "weighted_mean"
    """What the score of a joined candidate is:
    - weighted_mean: the mean of its members' scores by their weights; of a member that
      has not found it 0.
    - any_right: the probability that one of them is right at least, as if they erred
      independently; nowhere better where it was measured."""

    @field_validator("imported")
    @classmethod
    def _usable(cls, imported: dict[str, Path]) -> dict[str, Path]:
        for name, path in imported.items():
            checked_name(name)
            if name in METHODS:
                raise ValueError(f"{name} is a method; expected another name")
            if {"{", "}"} & set(str(path)):
                raise ValueError(
                    f"{path} has a brace in its name, which the workflow takes for a"
                    " placeholder; expected none, rename it or name a link to it here"
                )
        return imported

    @model_validator(mode="after")
    def _members_are_known(self) -> Self:
        known = [name for name, row in METHODS.items() if not row.votes]
        for name in self.methods:
            if name not in known and name not in self.imported:
                raise ValueError(
                    f"methods names {name}; expected some of {', '.join(known)}, or of"
                    " the names in imported"
                )
        if unused := self.imported.keys() - self.methods.keys():
            raise ValueError(
                f"imported has {', '.join(sorted(unused))}, which methods does not"
                " name; expected a weight of each there, add it"
            )
        if self.min_methods > len(self.methods):
            raise ValueError(
                f"min_methods is {self.min_methods}, and there are {len(self.methods)}"
                " members; expected no more than that, lower it"
            )
        return self

    @property
    def members(self) -> tuple[MethodName, ...]:
        """Those members that are methods of this project."""
        return tuple(name for name in METHODS if name in self.methods)
