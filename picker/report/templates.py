"""Templates of pages, and how their numbers are written."""

from __future__ import annotations

import json
from datetime import timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

if TYPE_CHECKING:
    from jinja2 import Template

FOLDER = resources.files("picker.report")
UNSAFE = str.maketrans(
    {c: f"\\u{ord(c):04x}" for c in ("<", ">", "&", "\u2028", "\u2029")}
)
"""What could end a script or a comment in HTML; in JSON it is in strings alone."""


def template(name: str) -> Template:
    """Return a template, with its filters; what it is given is escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": number,
        "measure": measure,
        "duration": duration,
        "script": lambda value: Markup(script_json(value)),
    }
    environment.globals |= {"plural": plural}
    return environment.from_string(FOLDER.joinpath(name).read_text("utf-8"))


def script_json(value: Any) -> str:
    """Return plain values as JSON that can stand in a script, whatever they say."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(UNSAFE)


RECALL = {
    "recall_top_n": "Recall of the N best",
    "recall_top_2n": "Recall of the 2N best",
    "recall_all": "Recall of all candidates",
}
"""Titles of recall where a part of the particles has labels."""


def measure(key: str) -> str:
    """Return a column's title: `f1@0.5` is F1 at 0.5 radii."""
    name, distance = key.split("@")
    voxels = distance.removesuffix("voxels")
    unit = "r" if voxels == distance else "voxels"
    return f"{RECALL.get(name, name.capitalize())} at {voxels} {unit}"


def plural(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def number(value: float | None, digits: int = 2) -> str:
    """Return a number for people: a dash for None, commas between thousands."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"


def duration(seconds: float) -> str:
    """Return h:mm:ss."""
    return str(timedelta(seconds=round(seconds)))
