"""Thresholds: the lowest score of a pick of each particle, for one model.

Scores of two models do not compare. So the file names its model, and a reader says
which model it uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from picker.config import Split, explained
from picker.config.strict import json_of
from picker.core.files import checked_file
from picker.core.messages import shown
from picker.formats.text import listed, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Fraction = Annotated[float, Field(ge=0, le=1)]
WHAT_TO_DO = "calibrate again; in the pipeline delete the file and run again"


class _Strict(BaseModel):
    """A record without unknown keys, conversions or infinite numbers."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, strict=True
    )


class Curve(_Strict):
    """How reliable a score is: the fields of `reliability.Reliability`."""

    score: tuple[Fraction, ...]
    right: tuple[Fraction, ...]
    found: Fraction


class OfPart(_Strict):
    """What a threshold rests on where only a part of the particles has labels.

    The fields of `calibrate_partial.PartialThreshold`, which says what they mean.
    """

    rule: Literal["f1", "labels", "number", "none"]
    number: Annotated[float, Field(ge=0)] | None
    number_is: Literal["expected", "lowered", "estimated", "unknown"]
    recall: Fraction | None


class Calibrated(_Strict):
    """One particle's threshold and the data that it was chosen on."""

    threshold: Fraction
    """Lowest score of a pick."""
    f: Fraction | None
    """F-beta at the threshold, on the tomograms that it was chosen on; None where it
    cannot be told."""
    num_truth: Annotated[int, Field(ge=0)]
    """Number of known particles that it was chosen on; of partial tomograms, of labels
    that were held out."""
    reliability: Curve | None = None
    """None where precision is not known."""
    source: Literal[Split, "none"]
    """Split of the tomograms that it was chosen on; none: no particle is known, and the
    method has a threshold of its own."""
    partial: OfPart | None = None
    """None where all particles were known."""

    @model_validator(mode="after")
    def _whole_or_part(self) -> Self:
        if (self.partial is None) != (self.source != "partial"):
            raise ValueError("expected `partial` with source partial, and there alone")
        is_measured = self.partial is None and self.source != "none"
        if is_measured and (self.f is None or self.reliability is None):
            raise ValueError(f"expected f and reliability with source {self.source}")
        return self


class Thresholds(_Strict):
    """The thresholds of all particles, as `picker calibrate` writes them."""

    model: str
    """Fingerprint of the model whose candidates they were chosen on."""
    particles: dict[str, Calibrated]

    def as_json(self) -> str:
        """Return the text of the file; what does not apply is left out of it."""
        return self.model_dump_json(indent=1, exclude_defaults=True) + "\n"

    @property
    def lowest(self) -> dict[str, float]:
        """Each particle's lowest score of a pick."""
        return {name: value.threshold for name, value in self.particles.items()}


class OtherModelError(ValueError):
    """The thresholds belong to another model than the one that is used."""


def read_thresholds(path: Path, model: str, particles: Iterable[str]) -> Thresholds:
    """Return a model's thresholds.

    Parameters
    ----------
    path
        JSON of `picker calibrate`.
    model
        Fingerprint of the model whose candidates they will be applied to.
    particles
        Names that must have a threshold.

    Raises
    ------
    OtherModelError
        If the thresholds belong to another model.
    ValueError
        If the file is missing or damaged, does not name its model, or a particle has no
        threshold.
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
            f" {WHAT_TO_DO}"
        ) from error
    if not isinstance(content, dict) or "model" not in content:
        raise ValueError(
            f"thresholds {path} do not say which model they belong to: expected"
            f' {expected} with "model" and "particles", got {shown(content)};'
            f" {WHAT_TO_DO}"
        )
    try:
        found = Thresholds.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(
            f"thresholds {path} cannot be used: expected {expected}, got\n"
            f"{explained(error)}\n{WHAT_TO_DO}"
        ) from error
    if found.model != model:
        raise OtherModelError(
            f"thresholds {path} are of another model (fingerprint {found.model[:12]},"
            f" expected {model[:12]}); {WHAT_TO_DO}"
        )
    if missing := [name for name in particles if name not in found.particles]:
        raise ValueError(
            f"thresholds {path} have none for {listed(missing)}, only for"
            f" {listed(found.particles)}; {WHAT_TO_DO}"
        )
    return found
