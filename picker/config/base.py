"""Types that all sections share: numbers with limits, checked names and paths."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from picker.core.messages import printable, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

Split = Literal[
    "labeled",
    "partial",
    "reviewed",
    "unlabeled",
    "validation",
    "test",
    "predict",
]
SPLITS: tuple[Split, ...] = (
    *("labeled", "partial", "reviewed", "validation"),
    *("unlabeled", "test", "predict"),
)
WITH_PICKS: tuple[Split, ...] = ("labeled", "partial", "reviewed", "validation")
"""Splits whose tomograms must have picks."""
FEEDBACK: tuple[Split, ...] = ("validation", "labeled", "partial")
"""Splits that thresholds can be chosen on: the first of them that there is."""
UNFINISHED: tuple[Split, ...] = ("unlabeled", "predict", "partial", "reviewed")
"""Splits of tomograms that are worth labeling, or labeling on."""
UNTRAINED: tuple[Split, ...] = ("test", "predict")
"""Splits of tomograms that no training reads."""
Target = Literal[
    "relion5",
    "relion4",
    "relion3",
    "warp",
    "copick",
    "kaggle",
    "portal",
    "imod",
    "peet",
    "dynamo",
    "stopgap",
    "av3",
    "tomotwin",
    "cbox",
    "eman2",
    "autopick",
    "box",
]
ONLY_OF_MICROGRAPHS: tuple[Target, ...] = ("autopick", "box")
"""Targets that hold no z."""
OF_MICROGRAPHS: tuple[Target, ...] = (*ONLY_OF_MICROGRAPHS, "cbox")
"""Targets that hold picks of micrographs."""
Dimensions = Literal[2, 3]
"""Of what a row of the table names: 2 is a micrograph, a volume of one slice."""
Angles = Literal["known", "zero", "random"]
Contours = Literal["points", "middles"]
Outside = Literal["drop_few", "drop", "error"]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
ShapeZYX = tuple[Count, Count, Count]


def _expanded(path: Path) -> Path:
    """Return a path with `~` replaced by the home folder, as a shell does."""
    try:
        return path.expanduser()
    except RuntimeError:  # no user has that name, so `~` is part of the file's name
        return path


UserPath = Annotated[Path, AfterValidator(_expanded)]

MISSING = ("nan", "na", "null", "none")
"""Words that pandas, which many programs read STAR files with, takes for no value."""
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def checked_name(name: str) -> str:
    """Return a tomogram's or particle's name if it is safe as a file's name.

    Raises
    ------
    ValueError
        If it has other characters than letters, digits, '.', '_' and '-', or does not
        begin with a letter or digit. Such a name could lead out of the results folder
        or break a shell command.
    """
    if not NAME_PATTERN.fullmatch(name) or len(name) > 200:
        raise ValueError(
            f"name {shown(name)} cannot be used: expected letters, digits, '.', '_' and"
            " '-', beginning with a letter or digit, at most 200; rename it"
        )
    return name


def checked_called(name: str | None) -> str | None:
    """Return a name for the files of other programs if all of these can hold it.

    Raises
    ------
    ValueError
        If it is empty, longer than 200 characters or a word for a missing value, or if
        it has double quotes or characters that cannot be printed, such as a line break.
    """
    if name is None:
        return None
    if (
        not name.strip()
        or len(name) > 200
        or name.strip().lower() in MISSING
        or printable(name) != name
        or {"\n", "\t", '"'} & set(name)
    ):
        raise ValueError(
            f"the name {shown(name)} cannot stand in other programs' files: expected up"
            " to 200 characters that can be printed, no double quotes, and not one of"
            f" {', '.join(MISSING)}, which they take for no value; fix it"
        )
    return name


def checked_path(path: Path) -> None:
    """Check that a path can exist and that a terminal can show it.

    Raises
    ------
    ValueError
        If it is the root folder, if a name in it has more than 255 bytes, if the path
        has more than 4,095 bytes, or if it has control characters.
    """
    text = str(path)
    # As nearly all are: tables have thousands of them, twice.
    if text.isascii() and text.isprintable() and 1 < len(text) <= 255:
        return
    if path == Path("/"):
        raise ValueError("a path is /, the root folder; expected a file, fix it")
    longest = max((len(part.encode()) for part in path.parts), default=0)
    if longest > 255 or len(text.encode()) > 4095:
        raise ValueError(
            f"a path of {len(text)} characters cannot exist; expected at most 4095"
            " bytes, and 255 in each name, fix it"
        )
    if printable(text) != text or {"\n", "\t"} & set(text):
        raise ValueError(
            f"path {shown(text)} has characters that cannot be printed; rename it"
        )


def _each(value: Any) -> Iterable[Any]:
    """Return the items of a list or the values of a dict, or the value itself."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else (value,)


class Settings(BaseModel):
    """A section of config.yaml: frozen, without unknown keys, numbers finite."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )
    NOT_IN_KEY: ClassVar[frozenset[str]] = frozenset()
    """Fields that change how or where a result is made or shown, but not the result.
    Changing them causes no training or prediction."""

    @field_validator("*", mode="before")
    @classmethod
    def _yes_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true and false as numbers, though Python counts them as 1 and 0.

        YAML reads yes, no, on and off as true and false.
        """
        if isinstance(value, str):  # as every cell of a table
            return value
        assert info.field_name is not None
        takes = cls.model_fields[info.field_name].annotation
        is_section = isinstance(takes, type) and issubclass(takes, BaseModel)
        if takes in (bool, bool | None) or is_section:
            return value
        if any(isinstance(one, bool) for one in _each(value)):
            raise ValueError(
                "expected a number or text, got yes or no (true, false, on, off), as"
                " YAML reads these words; put text in quotes"
            )
        return value

    @field_validator("*")
    @classmethod
    def _is_usable(cls, value: Any) -> Any:
        """Check paths, and that integers fit into 64 bits."""
        if isinstance(value, str):
            return value
        for one in _each(value):
            if isinstance(one, Path):
                checked_path(one)
            if isinstance(one, int) and abs(one) >= 2**63:
                raise ValueError("expected an integer of less than 19 digits, fix it")
        return value

    def key(self) -> str:
        """Return the values that results depend on, as text to compare."""
        return self.model_dump_json(exclude=set(self.NOT_IN_KEY))
