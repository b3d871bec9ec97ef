"""The page that shows how far a run is, and loads itself again while it goes on."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined

from picker.core.messages import printable

if TYPE_CHECKING:
    from datetime import datetime

    from picker.project.status import Status


def render_status(status: Status, written: datetime, refresh: int | None) -> str:
    """Return the page as HTML that loads nothing else.

    Parameters
    ----------
    status
        What it shows.
    written
        When that was so.
    refresh
        After what time [s] the page is loaded again; None: the run has ended.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["printable"] = printable
    template = resources.files("picker.report").joinpath("status.html.j2")
    return environment.from_string(template.read_text("utf-8")).render(
        title=f"{status.record.method}: run",
        status=status,
        written=f"{written:%Y-%m-%d %H:%M:%S %Z}".strip(),
        refresh=refresh,
    )
