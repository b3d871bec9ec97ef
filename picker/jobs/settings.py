"""The sections of the settings that a job reads, each from its file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError

from picker.config import Particle, explained
from picker.config.strict import json_of
from picker.core.files import checked_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Section = TypeVar("Section")


def read_section(paths: Iterable[Path], section: str, kind: type[Section]) -> Section:
    """Return one section of the settings from its file `<section>.json`.

    Raises
    ------
    ValueError
        If a value does not fit, or the file is damaged. A section without a file
        has its defaults.
    """
    for path in paths:
        if path.stem == section:
            return _validated(path, TypeAdapter(kind))
    return TypeAdapter(kind).validate_python({})


def read_particles(paths: Iterable[Path]) -> tuple[Particle, ...]:
    """Return the particles from `particles.json`."""
    for path in paths:
        if path.stem == "particles":
            return _validated(path, TypeAdapter(tuple[Particle, ...]))
    raise ValueError("expected a particles.json among --settings; add it")


def _validated(path: Path, kind: TypeAdapter[Section]) -> Section:
    text = checked_file(path, "JSON of settings").read_text()
    try:
        json_of(text)
        return kind.validate_json(text)
    except ValidationError as error:
        raise ValueError(f"settings {path}:\n{explained(error)}") from error
    except ValueError as error:
        raise ValueError(f"settings {path} are not JSON: {error}; fix them") from error
