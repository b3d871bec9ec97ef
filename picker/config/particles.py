"""The classes of particles to find."""

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
"""Default colors of particles, by their place in the list."""


class Particle(Settings):
    """One class of particles."""

    # A density map counts by its content, and the phantoms made with it by themselves.
    NOT_IN_KEY = frozenset({"weight", "color", "density", "called"})

    name: str
    """Name of the class, in letters, digits, '.', '_' and '-'; every file of picks has
    it. Blanks and other signs become '_', and are left out at its beginning: "Viral
    RNP" is Viral_RNP here, but stays "Viral RNP" in the files of other programs. Not
    nan, na, null or none, which readers of tables take for no value."""
    radius: Annotated[float, Field(ge=0.1, le=100_000)]
    """Radius of the particle [Å]: scales targets, peak distances and match
    distances."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight in the Kaggle score, no unit; 0 leaves the class out."""
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$", default_factory=lambda: COLORS[0])
    """Color in pictures, "#rrggbb"; left out: a different one for each class."""
    density: UserPath | None = None
    """Density map to make phantoms from, and for method template (MRC; light on dark,
    with its true voxel size); null: phantoms have a made-up shape."""
    called: str | None = None
    """Name of the class in the files of other programs, read and written, if it
    differs."""

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
                f"no particle can be called {name}: readers of tables take this word"
                " for a missing value; rename it"
            )
        return name
