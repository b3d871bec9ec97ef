"""config.yaml, written from the typed sections: each setting below a comment.

The comment is the docstring of the setting's field. A section without one has the
docstring of its class.
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
"""Most characters in a line of a comment."""

USE = """\
# Copy this file, change what your data need, and delete what you do not change:
#   snakemake --profile profiles/local --configfile my.yaml --directory my_project
# Lengths are in Å unless a comment says voxels. A stage runs again when a section that
# it reads changes, and not otherwise. Relative paths start at --directory. A key that
# appears twice is an error, and so are the numbers .inf, .nan and yes. The key
# __use_yte__ is an error too, because Snakemake runs Python from a file that has it; it
# has done so before the error appears if the file is named with --configfile.
"""


def manual(config: Config, title: str) -> str:
    """Return all settings as YAML, each with its comment; `title` stands first."""
    lines = [*_comment(title), USE.rstrip()]
    values = config.model_dump(mode="json")
    for key, field in type(config).model_fields.items():
        lines += ["", *_setting(key, field, values[key])]
    return "\n".join(lines) + "\n"


def description(field: FieldInfo) -> str:
    """Return the description of a setting or section; empty if there is none."""
    if field.description is None and _is_section(field.annotation):
        return " ".join((inspect.getdoc(field.annotation) or "").split())
    return field.description or ""


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _setting(key: str, field: FieldInfo, value: Any, indent: str = "") -> Iterator[str]:
    """Yield the lines of a setting, or of a section with all its settings."""
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
    """Return the line of a list's comment about a key of its entries."""
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
    """Return a value as one line of YAML."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=math.inf, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()
