"""What is wrong with settings, for a user."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from picker.core.messages import cut, printable, shown

MOST_PROBLEMS = 10
"""Most problems in one message."""
LONGEST_REASON = 1000
"""Most characters of the reason of one problem."""


def explained(error: Any) -> str:
    """Return a pydantic error as lines for a user: setting, reason, value."""
    problems = error.errors()
    if len(problems) > 1:
        # A list that lost its wrong items is too short: no mistake of its own.
        problems = [p for p in problems if p["type"] != "too_short" or not p["input"]]
    lines = []
    for problem in problems[:MOST_PROBLEMS]:
        key = ".".join(cut(part) for part in problem["loc"]) or "config"
        reason = printable(problem["msg"].removeprefix("Value error, "), LONGEST_REASON)
        if problem["type"] == "extra_forbidden":
            reason = "unknown setting; config.yaml lists all of them"
        value = problem.get("input")
        got = "" if isinstance(value, dict | BaseModel) else f" (got {shown(value)})"
        lines.append(f"  {key}: {reason}{got}")
    if problems[MOST_PROBLEMS:]:
        lines.append(f"  and {len(problems) - MOST_PROBLEMS} more")
    return "\n".join(lines)
