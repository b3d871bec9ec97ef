"""What every section is made of: names, numbers with bounds, a frozen model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Split = Literal["labeled", "unlabeled", "validation", "test", "predict"]
SPLITS: tuple[Split, ...] = ("labeled", "validation", "unlabeled", "test", "predict")
Target = Literal[
    "relion5",
    "relion4",
    "relion3",
    "warp",
    "copick",
    "kaggle",
    "portal",
    "imod",
    "dynamo",
    "tomotwin",
    "cbox",
    "eman2",
]
Contours = Literal["points", "middles"]
Outside = Literal["drop_few", "drop", "error"]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
ShapeZYX = tuple[Count, Count, Count]


def _expanded(path: Path) -> Path:
    """Return a path with `~` for the home folder, as a shell has it."""
    try:
        return path.expanduser()
    except RuntimeError:  # nobody of that name: the file is called so
        return path


UserPath = Annotated[Path, AfterValidator(_expanded)]

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def checked_name(name: str) -> str:
    """Return a tomogram's or particle's name if it is safe as a file's name.

    Raises
    ------
    ValueError
        If it has anything but letters, digits, '.', '_' and '-', or begins
        with a sign: such a name could leave the results folder or break a shell.
    """
    if not NAME_PATTERN.fullmatch(name) or len(name) > 200:
        raise ValueError(
            f"name {name!r} cannot be used: expected letters, digits, '.', '_' and"
            " '-', beginning with a letter or digit, at most 200; rename it"
        )
    return name


class Settings(BaseModel):
    """A section of config.yaml: unknown keys are errors, values do not change."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True
    )
    NOT_IN_KEY: ClassVar[frozenset[str]] = frozenset()
    """Fields that change how or where a result is made, or shown, but not the result:
    whoever changes them keeps hours of training and prediction."""

    def key(self) -> str:
        """Return what results depend on, as text, to tell whether one still holds."""
        return self.model_dump_json(exclude=set(self.NOT_IN_KEY))
