"""config.yaml, written from the typed sections: each setting below a comment.

The comment is the docstring of the setting's field. A section without one has the
docstring of its class.
"""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from itertools import chain, pairwise, repeat
from typing import TYPE_CHECKING, Any, get_args

import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    for key, text in descriptions(type(config)).items():
        kind = type(config).model_fields[key].annotation
        lines += ["", *_setting(key, text, kind, values[key])]
    return "\n".join(lines) + "\n"


def descriptions(section: type[BaseModel]) -> dict[str, str]:
    """Return the description of each setting of a section; empty if there is none.

    Pydantic would look for them whenever the settings are loaded, which takes a third
    of that.
    """
    (parsed,) = ast.parse(textwrap.dedent(inspect.getsource(section))).body
    assert isinstance(parsed, ast.ClassDef)
    below = {}
    for field, text in pairwise(parsed.body):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(words))),
            ):
                below[name] = inspect.cleandoc(words)
    return {
        name: below.get(name) or _of_section(field.annotation)
        for name, field in section.model_fields.items()
    }


def _of_section(kind: Any) -> str:
    """Return the docstring of a section's class; empty if it is no section."""
    return " ".join((inspect.getdoc(kind) or "").split()) if _is_section(kind) else ""


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _setting(
    key: str, text: str, kind: Any, value: Any, indent: str = ""
) -> Iterator[str]:
    """Yield the lines of a setting, or of a section with all its settings.

    Parameters
    ----------
    key, text, kind, value, indent
        Its name, description, type and value, and what stands before each line.
    """
    entries = next(filter(_is_section, get_args(kind)), None)
    if entries is not None:
        for inner, about in descriptions(entries).items():
            text += f"\n- {_entry(inner, about, entries.model_fields[inner].default)}"
    yield from _comment(text, indent)
    if entries is not None:
        yield f"{indent}{key}:"
        for entry in value:
            marks = chain("-", repeat(" "))
            for mark, inner in zip(marks, entry, strict=False):
                yield f"{indent}  {mark} {inner}: {_yaml(entry[inner])}"
    elif _is_section(kind):
        yield f"{indent}{key}:"
        for inner, about in descriptions(kind).items():
            part = kind.model_fields[inner].annotation
            yield from _setting(inner, about, part, value[inner], f"{indent}  ")
    else:
        yield f"{indent}{key}: {_yaml(value)}"


def _entry(key: str, text: str, default: Any) -> str:
    """Return the line of a list's comment about a key of its entries."""
    known = "" if default is PydanticUndefined else f" Default {_yaml(default)}."
    return f"{key}: {text}{known}"


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
