"""What the pages of one run have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from picker.core.files import write_text
from picker.report.templates import FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from picker.config import Particle


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPages:
    """What the pages of one run have in common.

    Attributes
    ----------
    method
        Name of the method.
    run
        Tells runs apart whose scores do not compare; answers are kept under it.
    particles
        The classes.
    thresholds
        Class: lowest score of a pick.
    set_thresholds
        Those of them that the settings have already.
    distance_per_radius
        Greatest distance of a right pick from its particle, as a fraction of the
        radius.
    report
        Address of the report, from the folder of all pages.
    """

    method: str
    run: str
    particles: Sequence[Particle]
    thresholds: Mapping[str, float]
    set_thresholds: Mapping[str, float] = field(default_factory=dict)
    distance_per_radius: float = 0.5
    report: str = "../report.html"

    def script(self) -> dict[str, Any]:
        """Return what scripts of every page know of the run, as `pickerRun`."""
        return {
            "method": self.method,
            "run": self.run,
            "particles": [
                {"name": p.name, "color": p.color, "radius": p.radius}
                for p in self.particles
            ],
        }


def write_assets(folder: Path) -> None:
    """Write the scripts and the style that the pages share."""
    for file in FOLDER.joinpath("assets").iterdir():
        if file.name.endswith((".js", ".css")):
            write_text(folder / file.name, file.read_text("utf-8"))
