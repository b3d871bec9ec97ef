"""Files of answers about candidates, as the report's pages save them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from picker.config import Settings, explained
from picker.config.base import Finite, Fraction  # noqa: TC001, pydantic reads it
from picker.config.methods import MethodName  # noqa: TC001, pydantic reads it
from picker.config.strict import json_of
from picker.core.files import checked_file
from picker.core.messages import shown
from picker.formats.text import read_text

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1
EXPECTED = "the review.json that a page of the report saved"
Verdict = Literal["right", "wrong", "other", "missed"]


class Answer(Settings):
    """What somebody said of one place."""

    tomogram: str
    """Name of the tomogram."""
    particle: str
    """Class of the candidate; of a missed particle its own."""
    position: tuple[Finite, Finite, Finite]
    """x, y, z [Å]; 0 is the centre of the first voxel."""
    score: Fraction | None = None
    """Of the candidate; a missed particle has none."""
    answer: Verdict
    """right: it is a particle of that class; wrong: it is none; other: it is one of
    another class; missed: a particle is there that was not picked."""
    other: str | None = None
    """That other class."""

    @model_validator(mode="after")
    def _other_is_named(self) -> Self:
        if (self.answer == "other") != (self.other is not None):
            raise ValueError(
                f"answer is {self.answer} and other {shown(self.other)}; expected a"
                " class as `other` with the answer other, and there alone"
            )
        return self

    @property
    def class_there(self) -> str:
        """The class that is there, or of a wrong answer the one that is not."""
        return self.other or self.particle


class Review(Settings):
    """All answers of one file, the earliest first."""

    picker_review: Literal[1]
    """Version of the format."""
    method: MethodName
    """The method whose candidates were judged."""
    run: str
    """Which run of it."""
    answers: Annotated[tuple[Answer, ...], Field(min_length=1)]
    """The answers."""


REVIEW = TypeAdapter(Review)


def read_review(path: Path) -> Review:
    """Return the answers of a file.

    Raises
    ------
    ValueError
        If it is missing, of another kind or version, or has no answer or a damaged one.
    """
    if checked_file(path, EXPECTED).is_dir():
        raise ValueError(f"{path} is a folder; expected a file, {EXPECTED}: name that")
    if not path.exists():
        raise ValueError(f"{path} does not exist; expected {EXPECTED}, fix the path")
    try:
        content = json_of(read_text(path, EXPECTED))
    except ValueError as error:
        raise ValueError(
            f"{path} cannot be read ({error}); expected {EXPECTED}, save it again"
        ) from error
    version = content.get("picker_review") if isinstance(content, dict) else None
    if version is None:
        raise ValueError(f"{path} is no review; expected {EXPECTED}")
    if version != VERSION or isinstance(version, bool):
        raise ValueError(
            f"{path} has picker_review {shown(version)}; expected version {VERSION}:"
            " read it with the version of the program that wrote the report, or make"
            " the report again"
        )
    try:
        return REVIEW.validate_python(content)
    except ValidationError as error:
        raise ValueError(
            f"{path} cannot be used; expected {EXPECTED}. Save it again, or correct"
            f" it:\n{explained(error)}"
        ) from error
