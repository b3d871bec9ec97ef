"""The lowest score of a pick of each particle, and the model whose scores these are.

A score means nothing to another model: the file names its own, and what reads it says
which model it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from picker.config import Split, explained
from picker.config.strict import json_of
from picker.core.files import checked_file
from picker.core.messages import shown
from picker.formats.text import listed, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Fraction = Annotated[float, Field(ge=0, le=1)]
WAY_OUT = "calibrate again; in the pipeline delete the file and run again"


class _Plain(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, strict=True
    )


class Curve(_Plain):
    """What a score is worth: the fields of `reliability.Reliability`."""

    score: tuple[Fraction, ...]
    right: tuple[Fraction, ...]
    found: Fraction


class Calibrated(_Plain):
    """One particle's threshold and what it rests on."""

    threshold: Fraction
    """Lowest score of a pick."""
    f: Fraction
    """F-beta there, on the tomograms that it was chosen on."""
    num_truth: Annotated[int, Field(ge=0)]
    """Known particles that it was chosen on."""
    reliability: Curve
    source: Split
    """The split of those tomograms."""


class Thresholds(_Plain):
    """What `picker calibrate` writes."""

    model: str
    """Fingerprint of the model whose candidates were calibrated on."""
    particles: dict[str, Calibrated]

    @property
    def lowest(self) -> dict[str, float]:
        """Particle: lowest score of a pick."""
        return {name: value.threshold for name, value in self.particles.items()}


class OtherModelError(ValueError):
    """Thresholds are of another model than the one that is used."""


def read_thresholds(path: Path, model: str, particles: Iterable[str]) -> Thresholds:
    """Return a model's thresholds.

    Parameters
    ----------
    path
        JSON of `picker calibrate`.
    model
        Fingerprint of the model whose candidates are to be cut.
    particles
        Names that must have a threshold.

    Raises
    ------
    OtherModelError
        If the thresholds are another model's.
    ValueError
        If the file is missing or damaged, does not say of which model it is, or a
        particle has no threshold.
    """
    if not checked_file(path, "JSON of `picker calibrate`").is_file():
        raise ValueError(f"thresholds {path} do not exist; calibrate, or fix the path")
    expected = "JSON of `picker calibrate`"
    try:
        text = read_text(path, expected)
        content = json_of(text)
    except ValueError as error:
        raise ValueError(
            f"thresholds {path} cannot be read: expected {expected}, got {error};"
            f" {WAY_OUT}"
        ) from error
    if not isinstance(content, dict) or "model" not in content:
        raise ValueError(
            f"thresholds {path} do not say of which model they are: expected {expected}"
            f' with "model" and "particles", got {shown(content)}; {WAY_OUT}'
        )
    try:
        found = Thresholds.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(
            f"thresholds {path} cannot be used: expected {expected}, got\n"
            f"{explained(error)}\n{WAY_OUT}"
        ) from error
    if found.model != model:
        raise OtherModelError(
            f"thresholds {path} are of another model (fingerprint {found.model[:12]},"
            f" expected {model[:12]}), to whose scores alone they belong; {WAY_OUT}"
        )
    if missing := [name for name in particles if name not in found.particles]:
        raise ValueError(
            f"thresholds {path} have none of {listed(missing)}, only of"
            f" {listed(found.particles)}; {WAY_OUT}"
        )
    return found
