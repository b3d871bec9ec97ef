"""config.yaml, written from the typed sections: every setting, with a comment above it.

The comment is the description of the setting's field. A section has its class's
docstring, unless its field is described where it stands.
"""

from __future__ import annotations

import inspect
import math
import textwrap
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, get_args

import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from picker.config import Config

WIDTH = 88
"""Characters in a line of a comment, at most."""

USE = """\
# Copy this file, change what your data need, leave out what you do not change:
#   snakemake --profile profiles/local --configfile my.yaml --directory my_project
# Lengths are in Å unless a comment says voxels. A stage runs again when a section that
# it reads changes, and not otherwise. Relative paths start at --directory. A key that
# stands twice is an error, and so are numbers that are .inf, .nan or yes, and
# __use_yte__, by which Snakemake would run what is here as Python: of a file that is
# given with --configfile it has done so before that is said.
"""


def manual(config: Config, title: str) -> str:
    """Return all settings as YAML, each with its comment; `title` stands first."""
    lines = [*_comment(title), USE.rstrip()]
    values = config.model_dump(mode="json")
    for key, field in type(config).model_fields.items():
        lines += ["", *_setting(key, field, values[key])]
    return "\n".join(lines) + "\n"


def description(field: FieldInfo) -> str:
    """Return what is known of a setting or section; nothing is an empty text."""
    if field.description is None and _is_section(field.annotation):
        return " ".join((inspect.getdoc(field.annotation) or "").split())
    return field.description or ""


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _setting(key: str, field: FieldInfo, value: Any, indent: str = "") -> Iterator[str]:
    """Yield the lines of a setting, or of a section and all that is in it."""
    text = description(field)
    kind: Any = field.annotation
    entries = next(filter(_is_section, get_args(kind)), None)
    if entries is not None:
        text += "".join(f"\n- {_entry(*item)}" for item in entries.model_fields.items())
    yield from _comment(text, indent)
    if entries is not None:
        yield f"{indent}{key}:"
        for entry in value:
            marks = chain("-", repeat(" "))
            for mark, inner in zip(marks, entry, strict=False):
                yield f"{indent}  {mark} {inner}: {_yaml(entry[inner])}"
    elif _is_section(kind):
        yield f"{indent}{key}:"
        for inner, part in kind.model_fields.items():
            yield from _setting(inner, part, value[inner], f"{indent}  ")
    else:
        yield f"{indent}{key}: {_yaml(value)}"


def _entry(key: str, field: FieldInfo) -> str:
    """Return what a list's comment says of a key that each of its entries has."""
    default = field.default
    known = "" if default is PydanticUndefined else f" Default {_yaml(default)}."
    return f"{key}: {field.description}{known}"


def _comment(text: str, indent: str = "") -> list[str]:
    """Return a text's paragraphs and items (`- `) as lines of a comment."""
    mark = f"{indent}# "
    paragraphs: list[str] = []
    for line in text.splitlines():
        if line.startswith("- ") or not line.strip() or not paragraphs:
            paragraphs.append(line)
        else:
            paragraphs[-1] += f" {line}"
    return [
        line
        for paragraph in paragraphs
        for line in textwrap.wrap(
            " ".join(paragraph.split()),
            width=WIDTH,
            initial_indent=mark,
            subsequent_indent=f"{mark}  " if paragraph.startswith("- ") else mark,
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def _yaml(value: object) -> str:
    """Return a value in one line, as YAML has it."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=math.inf, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()
