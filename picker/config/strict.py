"""Strict reading of settings: files with more than one meaning are refused.

YAML and JSON parsers silently take the last of two equal keys, and replace an alias
(`*name`) by its value: ten lines can mean a thousand million values. Snakemake takes a
file with a certain key for a template, and runs the Python in it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from picker.core.messages import cut, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES = 1_000_000
"""Most bytes of a file of settings; config.yaml has 18,000."""
MOST_VALUES = 100_000
"""Most values in a file of settings; an alias counts as all that it stands for."""
LONGEST_VALUE = 4096
"""Most characters of a value or of a setting's name; no path may have more."""
TEMPLATE = "__use_yte__"
"""The key with which Snakemake runs the Python in a file of settings."""
MERGE = "tag:yaml.org,2002:merge"
"""Tag of the key `<<`, which may appear several times; other keys override its own."""


def json_of(text: str) -> Any:
    """Return the value of a JSON text.

    Raises
    ------
    ValueError
        If it is not JSON, nested too deeply, or an object has a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError as error:
        raise ValueError("brackets nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shown(twice)} twice")
    return found


def check_settings_file(path: Path) -> None:
    """Check that a YAML or JSON file of settings can be read in one way only.

    Raises
    ------
    ValueError
        If it is too large, no YAML of plain values, or a template; if a section has a
        key twice; if its aliases stand for too many values, or for themselves.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(
            f"{path} has more than {MOST_BYTES} bytes; expected a file of settings, fix"
            " the path"
        )
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is no UTF-8 text ({error.reason} at byte {error.start}); expected"
            " YAML or JSON, save it as UTF-8"
        ) from error
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
    except yaml.YAMLError as error:
        try:
            json_of(text)  # may have tabs where YAML may not
        except json.JSONDecodeError:
            raise ValueError(f"{path} is no YAML: {_why(error)}; fix it") from error
        except ValueError as reason:
            raise ValueError(f"{path} has {reason}; fix it") from error
        return
    except RecursionError as error:
        raise ValueError(
            f"{path} has brackets nested too deeply; expected a file of settings"
        ) from error
    if root is not None:
        _check_node(path, root)
        try:
            loader.construct_document(root)
        except (yaml.YAMLError, ValueError) as error:
            # A tag that makes more than a value, or a date that does not exist.
            raise ValueError(
                f"{path} cannot be read: {_why(error)}; expected plain values, fix it"
            ) from error


def _why(error: Exception) -> str:
    """Return where and why a text is no YAML."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return cut(" ".join(str(error).split()))
    return f"line {mark.line + 1}, {cut(getattr(error, 'problem', ''))}"


def _check_node(path: Path, root: yaml.Node) -> None:
    """Check every node once, the innermost first, and count the values in each."""
    sizes: dict[int, int] = {}
    above: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting[-1]
        if id(node) in sizes:
            waiting.pop()
            continue
        below = list(_parts(node))
        if id(node) not in above:
            above.add(id(node))
            _check_one(path, node)
            if any(id(part) in above and id(part) not in sizes for part in below):
                raise ValueError(
                    f"{path}, line {node.start_mark.line + 1}: an alias stands for"
                    " itself; expected values, write them out"
                )
            waiting += [part for part in below if id(part) not in sizes]
            continue
        above.discard(id(node))
        sizes[id(node)] = 1 + sum(sizes[id(part)] for part in below)
        waiting.pop()
        if sizes[id(node)] > MOST_VALUES:
            raise ValueError(
                f"{path}, line {node.start_mark.line + 1} has more than {MOST_VALUES}"
                " values, counting aliases (*name) as what they stand for; expected"
                " fewer, delete some"
            )


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _check_one(path: Path, node: yaml.Node) -> None:
    """Refuse a section with the same key twice, and a value that is too long."""
    if isinstance(node, yaml.ScalarNode) and len(node.value) > LONGEST_VALUE:
        raise ValueError(
            f"{path}, line {node.start_mark.line + 1} has a value of"
            f" {len(node.value)} characters; expected {LONGEST_VALUE} at most"
        )
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
            continue
        line = key.start_mark.line + 1
        if key.value == TEMPLATE:
            raise ValueError(
                f"{path}, line {line} has {TEMPLATE}, with which Snakemake would run"
                " Python in the file; expected plain settings, delete it"
            )
        if (key.tag, key.value) in lines:
            raise ValueError(
                f"{path} has {cut(key.value)} twice in one section, in lines"
                f" {lines[key.tag, key.value]} and {line}; expected it once, delete one"
            )
        lines[key.tag, key.value] = line
