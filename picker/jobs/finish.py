"""The end of a run: its summary, or an error if a tomogram could not be used."""

from __future__ import annotations

import logging
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from picker.core.files import write_text
from picker.formats.tables.tsv import read_rows
from picker.project.exported import PROVENANCE, read_exported
from picker.project.json_files import read_json
from picker.project.manifests import read_manifest, read_picked
from picker.project.records import Failed, Picked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

logger = logging.getLogger("picker")


def finish(
    picks: Sequence[Path],
    failed: Sequence[Path],
    metrics: Path | None,
    report: Path,
    output: Path,
    reproducibility: Path | None = None,
    exports: Sequence[Path] = (),
) -> str:
    """Write, log and return a summary of a run: a line, and one for each warning.

    Parameters
    ----------
    picks
        Manifests of picks.
    failed
        Manifests of tomograms that later stages could not use.
    metrics
        metrics.json, if there are test tomograms.
    report
        The page that the summary names.
    output
        Text file to write.
    reproducibility
        Table of what both halves have, which is told if there are no metrics.
    exports
        Folders for other programs, whose warnings are on no page.

    Raises
    ------
    ValueError
        If a tomogram failed, though all others are done, or the record of an export is
        damaged.
    """
    entries = read_picked(picks)
    warnings = list(_warnings(entries, report, exports))
    for text in warnings:
        logger.warning(text)
    num_picks = sum(e.num_picks for e in entries if isinstance(e, Picked))
    files = (e.path if isinstance(e, Failed) else e.picks for e in entries)
    folder = next((file.parent for file in files), Path())
    errors = [
        (entry.tomogram, f"{entry.tomogram}{stage}: {entry.error}")
        for stage, entry in _failures(entries, failed)
    ]
    if errors:
        reasons = "".join(f"\n  {reason}" for _, reason in errors)
        num = len({name for name, _ in errors})
        raise ValueError(
            f"{num} of {len(entries)} tomograms could not be used; the others"
            f" are done ({num_picks} picks in {folder}, report {report})."
            f" Fix these or take them out of the table, then run again:{reasons}"
        )
    if metrics:
        mean = mean_of(metrics)
    else:
        expected = expected_of(reproducibility) if reproducibility else None
        mean = expected[1] if expected else ""
    line = f"{mean}; " if mean else ""
    line += f"{num_picks} picks of {len(entries)} tomograms in {folder};"
    line += f" report: {report}"
    logger.info(line)
    summary = "\n".join([line, *warnings])
    write_text(output, summary + "\n")
    return summary


def _warnings(
    entries: Sequence[Picked | Failed], report: Path, exports: Sequence[Path]
) -> Iterator[str]:
    """Yield a line about warnings that the page has, and those that it has not."""
    if num := sum(bool(entry.warnings) for entry in entries):
        yield (
            f"warning: {num} of {len(entries)} tomograms have warnings, see Problems in"
            f" {report}"
        )
    for folder in exports:
        record = folder / PROVENANCE
        # Earlier versions wrote none, and their exports still hold.
        warnings = read_exported(record).warnings if record.exists() else ()
        for text in warnings:
            yield f"warning: export {folder.name}: {text}"


def _failures(
    entries: Sequence[Picked | Failed], later: Sequence[Path]
) -> Iterator[tuple[str, Failed]]:
    """Yield failed tomograms, with the stage in brackets if it is a later one."""
    for entry in entries:
        if isinstance(entry, Failed):
            yield "", entry
    for path in later:
        for found in read_manifest(path).tomograms:
            if isinstance(found, Failed):
                yield f" ({path.stem})", found


def expected_of(path: Path) -> tuple[float, str] | None:
    """Return the mean precision to expect of picks, also as text; None: not known."""
    rows = [row for row in read_rows(path) if row["is_threshold"] == "1"]
    known = [row for row in rows if row["expected_precision"]]
    if not known:
        return None
    mean = statistics.fmean(float(row["expected_precision"]) for row in known)
    number = int(known[0]["tomograms"])
    return mean, (
        f"mean precision of at most {mean:.2f} to expect, from halves of {number}"
        f" tomogram{'' if number == 1 else 's'}"
    )


def mean_of(path: Path) -> str:
    """Return the mean F1 at the first match distance, and its split, as text.

    Where a part of the particles has labels it is recall of the picks.
    """
    metrics = read_json(path)
    first = next(key for key in metrics if key.startswith(("f1@", "recall@")))
    mean = metrics[first]["mean"]  # null without a particle and without a pick
    value = "none" if mean is None else f"{mean:.3f}"
    if first.startswith("f1@"):
        return f"mean F{first[1:]} {value} on {metrics['split']}"
    kinds = {kind for kind in metrics["labels"].values() if kind != "none"}
    of = " and ".join(sorted(kinds)) or "none"
    return f"mean {first} {value} of labels ({of}) on {metrics['split']}"
