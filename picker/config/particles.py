"""What to find: the classes of particles."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from picker.config.base import (
    MISSING,
    Settings,
    UserPath,
    checked_called,
    checked_name,
)
from picker.config.names import with_safe_name

COLORS = (
    *("#e6194b", "#4363d8", "#3cb44b", "#f58231", "#911eb4"),
    *("#42d4f4", "#f032e6", "#9a6324", "#469990", "#808000"),
)
"""Colors of particles that have none of their own, by their place in the list."""


class Particle(Settings):
    """One class of particles."""

    # A density map shapes phantoms, and the volumes made with it count by themselves.
    NOT_IN_KEY = frozenset({"weight", "color", "density", "called"})

    name: str
    """Letters, digits, '.', '_' and '-'; it stands in every file of picks. Blanks and
    other signs become '_', and those at its beginning are left out: "Viral RNP" is
    Viral_RNP here, and still "Viral RNP" in the files of other programs. Not nan, na,
    null or none, which tables read as no value."""
    radius: Annotated[float, Field(ge=0.1, le=100_000)]
    """Radius of the particle [Å]; sets target width, peak distance and matching."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight in the Kaggle score, no unit; 0 leaves the class out of it."""
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$", default_factory=lambda: COLORS[0])
    """Color in pictures, "#rrggbb"; without one, each class gets another."""
    density: UserPath | None = None
    """Density map that phantoms are made from (MRC; light on dark, with its true voxel
    size); null: a made-up shape."""
    called: str | None = None
    """Name of the class in the files of other programs, read and written, where it is
    another one."""

    _name = field_validator("name")(checked_name)
    _called = field_validator("called")(checked_called)

    @model_validator(mode="before")
    @classmethod
    def _safe(cls, values: object) -> object:
        return with_safe_name(values, "name")

    @property
    def own_name(self) -> str:
        """Name of the class in the files of other programs."""
        return self.called or self.name

    @field_validator("name")
    @classmethod
    def _is_no_missing_value(cls, name: str) -> str:
        if name.lower() in MISSING:
            raise ValueError(
                f"no particle can be called {name}: readers of tables take that word"
                " for a missing value; rename it"
            )
        return name
