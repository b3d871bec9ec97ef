"""Tables that number tomograms, and the .doc beside them that names each number."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from picker.config.names import VOLUME_ENDINGS
from picker.core.messages import shown
from picker.formats.text import listed, number_rows, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MAPS = ("indices_column20.doc", "indices_column_20.doc")
"""What Dynamo calls the file in a data folder."""


def maps(path: Path) -> tuple[Path, ...]:
    """Return the files that may name a table's tomograms; the first to exist does."""
    return (path.with_suffix(".doc"), *(path.with_name(name) for name in MAPS))


def names_of_numbers(
    path: Path, numbers: Sequence[str], column: str
) -> list[str] | None:
    """Return each row's tomogram; None if there is one number and no name for it.

    Parameters
    ----------
    path
        The table.
    numbers
        The tomogram's number in each row.
    column
        Where they stand, for messages.

    Raises
    ------
    ValueError
        If there are several numbers and no .doc that names them all.
    """
    file = next((file for file in maps(path) if file.is_file()), None)
    if file is None:
        if len(set(numbers)) > 1:
            raise ValueError(
                f"{path} holds tomograms {listed(sorted(set(numbers)))} ({column})"
                f" and no {maps(path)[0].name} beside it says which they"
                " are; expected lines such as '1 TS_01.mrc' there"
            )
        return None
    names = {}
    for number, words in number_rows(read_text(file, "lines of number and volume")):
        if len(words) != 2:
            raise ValueError(
                f"{file}, line {number} is {shown(' '.join(words))}; expected a number"
                " and the name of a volume, without blanks in it"
            )
        names[words[0]] = _stem(words[1])
    missing = sorted(set(numbers) - set(names))
    if missing:
        raise ValueError(
            f"{file} does not name tomogram {listed(missing)} of {path.name};"
            " add a line such as '1 TS_01.mrc'"
        )
    return [names[number] for number in numbers]


def lines_of_names(tomograms: Iterable[str]) -> str:
    """Return the content of a .doc that numbers tomograms from 1."""
    return "".join(f"{i} {name}.mrc\n" for i, name in enumerate(tomograms, 1))


def _stem(volume: str) -> str:
    """Return a volume's name without its folder (POSIX or Windows) and its ending."""
    name = PurePosixPath(PureWindowsPath(volume).as_posix()).name
    stem, dot, end = name.rpartition(".")
    return stem if f"{dot}{end}".lower() in VOLUME_ENDINGS else name
