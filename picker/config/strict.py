"""Files of settings that can be read in one way only.

Parsers take the last of two equal keys without a word, and an alias (`*name`) for all
that it stands for: ten lines can name a thousand million values. Snakemake takes
one with a certain key for a template, and runs the Python in it.
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
"""Size of a file of settings, at most; config.yaml has 18,000."""
MOST_VALUES = 100_000
"""Values in a file of settings, at most; an alias counts as all that it stands for."""
LONGEST_VALUE = 4096
"""Characters of one value, or name of a setting; no path may have more."""
TEMPLATE = "__use_yte__"
"""The key by which Snakemake runs what a file of settings has, as Python."""
MERGE = "tag:yaml.org,2002:merge"
"""The key `<<`, which may stand several times; other keys override what it brings."""


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
        If it is too large or no YAML of plain values, if it is a template, if a key
        stands twice in one section, or if its aliases stand for too much, or for
        themselves.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(
            f"{path} has more than {MOST_BYTES} bytes; expected a file of settings"
        )
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is no text in UTF-8 ({error.reason} at byte {error.start}); save"
            " it as such"
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
            # Of tags that make other things than values; a date that there is not.
            raise ValueError(
                f"{path} cannot be read: {_why(error)}; expected plain values, fix it"
            ) from error


def _why(error: Exception) -> str:
    """Return where a text is no YAML, and why."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return cut(" ".join(str(error).split()))
    return f"line {mark.line + 1}, {cut(getattr(error, 'problem', ''))}"


def _check_node(path: Path, root: yaml.Node) -> None:
    """Check every part once, the innermost first, and count the values in it."""
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
            _check_itself(path, node)
            if any(id(part) in above and id(part) not in sizes for part in below):
                raise ValueError(
                    f"{path}, line {node.start_mark.line + 1}: an alias stands for"
                    " itself; write out what it is to be"
                )
            waiting += [part for part in below if id(part) not in sizes]
            continue
        above.discard(id(node))
        sizes[id(node)] = 1 + sum(sizes[id(part)] for part in below)
        waiting.pop()
        if sizes[id(node)] > MOST_VALUES:
            raise ValueError(
                f"{path}, line {node.start_mark.line + 1} has more than {MOST_VALUES}"
                " values, with aliases (*name) counted as what they stand for; expected"
                " fewer, write them out"
            )


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _check_itself(path: Path, node: yaml.Node) -> None:
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
                f"{path}, line {line} has {TEMPLATE}, by which Snakemake would run what"
                " the file says as Python; expected plain settings, delete it"
            )
        if (key.tag, key.value) in lines:
            raise ValueError(
                f"{path} names {cut(key.value)} twice in one section, in lines"
                f" {lines[key.tag, key.value]} and {line}; expected it once, delete one"
            )
        lines[key.tag, key.value] = line
