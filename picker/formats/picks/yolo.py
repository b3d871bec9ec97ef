"""Boxes on slices as YOLO programs label and predict them: a folder of text files.

A file a slice, a line a box: class, centre x and y, width and height, and in files of
predictions the confidence. Lengths are fractions of the image's, y counts from its
first row. A slice without a box may have no file.

Source: https://docs.ultralytics.com/datasets/detect/ (labels and data.yaml);
ultralytics/yolov5, issue 1112 (the confidence comes last); written anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from picker.config.strict import check_settings_file
from picker.core.files import checked_file
from picker.core.messages import cut, shown
from picker.formats.text import listed, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

NUMBER = re.compile(r"(.*?)(\d+)")
"""What comes before the slice's number, and the number: the last digits of a name."""
COLUMNS = ("class", "centre x", "centre y", "width", "height", "confidence")
NAMES = ("data.yaml", "data.yml", "classes.txt")
"""Files that name the classes, in the folder or the two above it."""
ABOVE = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Boxes:
    """Boxes of one tomogram.

    Attributes
    ----------
    number
        `(n,)` int64 numbers of slices, as files' names have them.
    box
        `(n, 4)` centre x and y, width and height, as fractions of the image's width
        and height from its left and its first row.
    label
        `(n,)` int64 numbers of classes.
    score
        `(n,)` float32 confidences in [0, 1]; 1 where files have none.
    """

    number: NDArray[np.int64]
    box: NDArray[np.float64]
    label: NDArray[np.int64]
    score: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of boxes."""
        return len(self.label)


def read_boxes_on_slices(folder: Path, name: str | None = None) -> Boxes:
    """Return the boxes in a folder's text files.

    Parameters
    ----------
    folder
        With a file for each slice that has boxes, `<name><number>.txt`.
    name
        Tomogram whose files are read, of a folder with those of several; what stands
        between it and the number is no letter or digit, but for a single z.

    Raises
    ------
    ValueError
        If there is no such file, two are of one slice or of different tomograms, or a
        line is no box.
    """
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is no folder; expected one with a text file of boxes for each"
            " slice, as YOLO programs write it (class, centre x and y, width, height)"
        )
    files = _files_of(folder, name)
    numbers: list[int] = []
    rows: list[list[float]] = []
    for number, path in sorted(files.items()):
        found = _rows(path)
        rows += found
        numbers += [number] * len(found)
    table = np.array(rows, np.float64).reshape(-1, len(COLUMNS))
    return Boxes(
        number=np.array(numbers, np.int64),
        box=table[:, 1:5],
        label=table[:, 0].astype(np.int64),
        score=table[:, 5].astype(np.float32),
    )


def _files_of(folder: Path, name: str | None) -> dict[int, Path]:
    """Return the file of each slice by its number."""
    found: dict[str, dict[int, Path]] = {}
    for path in sorted(folder.glob("*.txt")):
        if path.name in NAMES:
            continue
        parts = NUMBER.fullmatch(path.stem)
        if not parts:
            raise ValueError(
                f"{path}: its name does not end in the number of a slice; expected for"
                " instance TS_01_0123.txt, rename it or move it away"
            )
        of_one = found.setdefault(_tomogram(parts[1]), {})
        other = of_one.setdefault(int(parts[2]), path)
        if other is not path:
            raise ValueError(
                f"{path} and {other.name} are both of slice {int(parts[2])}; expected a"
                " file a slice, move one away"
            )
    if name is not None:
        found = {one: files for one, files in found.items() if one == name}
    if not found:
        of = f" of {name}" if name is not None else ""
        raise ValueError(
            f"{folder} has no text file{of}; expected one for each slice with boxes,"
            " such as TS_01_0123.txt"
        )
    if len(found) > 1:
        raise ValueError(
            f"{folder} has slices of {listed(sorted(found))}; expected those of one"
            " tomogram, choose it with --name"
        )
    return next(iter(found.values()))


def _tomogram(start: str) -> str:
    """Return a tomogram's name from what comes before a slice's number."""
    return re.sub(r"[\W_]+z?$", "", start)


def _rows(path: Path) -> list[list[float]]:
    """Return the lines of a file as class, box and confidence."""
    rows = []
    text = read_text(checked_file(path, "boxes on a slice"), "lines of numbers")
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        where = f"{path}, line {number}"
        if len(words) not in (5, 6):
            raise ValueError(
                f"{where} has {len(words)} values; expected class, centre x and y,"
                " width, height, and perhaps the confidence: polygons, turned boxes and"
                " numbers of tracks cannot be read"
            )
        try:
            values = list(map(float, words))
        except ValueError as error:
            raise ValueError(
                f"{where} is {cut(line)}; expected numbers, {', '.join(COLUMNS)}"
            ) from error
        values += [1.0] * (len(COLUMNS) - len(values))
        _check(where, values)
        rows.append(values)
    return rows


def _check(where: str, values: Sequence[float]) -> None:
    """Refuse what is no box."""
    label, *rest = values
    if not (label >= 0 and label == int(label)):
        raise ValueError(
            f"{where} has the class {label:g}; expected a whole number from 0 on"
        )
    for column, value in zip(COLUMNS[1:], rest, strict=True):
        if not 0 <= value <= 1:
            raise ValueError(
                f"{where} has {column} {value:g}; expected 0 to 1, a fraction of the"
                " image's width or height: divide pixels by these"
            )
    if min(values[3:5]) == 0:
        raise ValueError(f"{where} has a box without extent; delete the line")


def class_names(
    folder: Path, path: Path | None = None
) -> tuple[Path, list[str]] | None:
    """Return the names of the classes by number, and the file that has them.

    Parameters
    ----------
    folder
        Of the boxes.
    path
        The file that the user names; None: the first of `NAMES` in the folder or the
        two above it. Without one nothing is returned.

    Raises
    ------
    ValueError
        If the file has no names, or not those of 0, 1, ….
    """
    near = [folder, *folder.absolute().parents[:ABOVE]]
    there = (one / name for one in near for name in NAMES)
    path = path or next((one for one in there if one.is_file()), None)
    if path is None:
        return None
    expected = "names of classes"
    if path.suffix == ".txt":
        lines = read_text(checked_file(path, expected), expected).splitlines()
        return path, [line.strip() for line in lines if line.strip()]
    check_settings_file(path)
    content = yaml.safe_load(read_text(checked_file(path, expected), expected))
    names: Any = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict):
        if sorted(map(str, names)) != sorted(map(str, range(len(names)))):
            raise ValueError(
                f"{path}: names has the numbers {listed(map(str, names))}; expected 0,"
                " 1, 2 and so on, each once"
            )
        names = [names.get(i, names.get(str(i))) for i in range(len(names))]
    if not isinstance(names, list) or not names:
        raise ValueError(
            f"{path} has names {shown(names)}; expected the classes' names, as in"
            " names: [ribosome, apo-ferritin]"
        )
    return path, [str(name) for name in names]
