"""Where a file of picks came from, in words, and whether anything changed since."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from picker.core.stamps import file_stamp
from picker.formats.text import listed
from picker.jobs.export import tomogram_picks
from picker.jobs.export_record import Origin, exported_tomogram, record_of
from picker.project.exported import (
    PROVENANCE,
    Exported,
    ExportedFile,
    ExportedTomogram,
    read_exported,
    sha256_of,
)
from picker.project.layout import Results
from picker.project.manifests import read_picked
from picker.project.records import Failed, Picked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from picker.project.exported import ChosenThreshold
    from picker.project.layout import Run
    from picker.project.records import Stamp

SHOWN = 10
"""Most tomograms and files that are told of."""
GONE = "is not there now"
OUR_SECTIONS = ("particles", "pick", "predict", "preprocess")
"""Sections of the settings that a run's own picks depend on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """A file of picks, or a folder of them, with what is known of it.

    Attributes
    ----------
    path
        The file or folder.
    record
        Where it came from.
    tomograms
        Those that it has picks of.
    changed
        Files of picks that are not what was written, each with how.
    inputs
        The user's files that are not what was read, each with how.
    """

    path: Path
    record: Exported
    tomograms: tuple[ExportedTomogram, ...]
    changed: dict[str, str]
    inputs: dict[str, str]


def explained_file(path: Path) -> Explained:
    """Return where a file or folder of exported picks, or a run's own file, came from.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If neither is known of it, or what is known is damaged.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; fix the path")
    place = path.absolute()
    folders = [place, *place.parents] if place.is_dir() else list(place.parents)
    folder = next((f for f in folders if (f / PROVENANCE).is_file()), None)
    if folder is None:
        return _of_run(path)
    record = read_exported(folder / PROVENANCE)
    name = place.relative_to(folder)
    names = [
        file
        for file in record.files
        if name in (Path(file), Path(PROVENANCE)) or name in Path(file).parents
    ]
    if not names:
        raise ValueError(
            f"{path} is not among the files of {folder / PROVENANCE}; expected one of"
            f" {listed(record.files)}"
        )
    changed = {file: _change(folder / file, record.files[file]) for file in names}
    return _explained(path, record, names, changed)


def _of_run(path: Path) -> Explained:
    """Return where a file in a run's own folder of picks came from."""
    place = path.absolute()
    run = _run_of(place)
    manifest = Path(run.picked) if run else Path()
    if run is None or not manifest.is_file():
        raise ValueError(
            f"{path} has no {PROVENANCE} in its folder or above, and is none of a run's"
            " own picks; expected a file that an export of this program wrote, where"
            " it wrote it or copied with that file"
        )
    entry = _entry_of(path, manifest)
    settings = (Path(run.results.settings(name)) for name in OUR_SECTIONS)
    thresholds = Path(run.thresholds)
    record = record_of(
        Origin(
            run=run.name,
            thresholds=thresholds if thresholds.is_file() else None,
            settings=tuple(file for file in settings if file.is_file()),
        ),
        "picker",
        [exported_tomogram(entry, tomogram_picks(replace(entry, picks=path)))],
        {},
        project=Path(run.results.folder).parent,
    )
    # The manifest is written after all picks.
    is_newer = path.stat().st_mtime_ns > manifest.stat().st_mtime_ns
    changed = {path.name: "was changed since" if is_newer else ""}
    return _explained(path, record, [], changed)


def _entry_of(path: Path, manifest: Path) -> Picked:
    """Return the record of a run's own file of picks.

    Raises
    ------
    ValueError
        If the last run did not write it, with the reason if its tomogram failed.
    """
    for entry in read_picked([manifest]):
        if isinstance(entry, Picked) and entry.picks.name == path.name:
            return entry
        if isinstance(entry, Failed) and entry.path.name == path.name:
            why = f"{entry.tomogram} failed: {entry.error}"
            break
    else:
        why = "no tomogram of it has this file"
    raise ValueError(
        f"{path} was not written by the last run, whose manifest {manifest} has no such"
        f" picks: {why}. Expected a file of that run; run again, or name another"
    )


def _run_of(place: Path) -> Run | None:
    """Return the run in whose folder of picks a file lies."""
    of_run = place.parent.parent
    if place.parent.name != "picks":
        return None
    for folder in of_run.parents:
        results = Results(str(folder))
        if Path(results.record).is_file():
            return results.run(of_run.relative_to(folder).as_posix())
    return None


def _explained(
    path: Path, record: Exported, names: Iterable[str], changed: dict[str, str]
) -> Explained:
    """Return what is known of files of a record, and which inputs were replaced."""
    owners = {record.files[name].tomogram for name in names} or {None}
    tomograms = tuple(
        one for one in record.tomograms if None in owners or one.tomogram in owners
    )
    project = Path(record.project)
    stamps = {name: stamp for one in tomograms for name, stamp in one.inputs.items()}
    inputs = {name: _replaced(project / name, stamp) for name, stamp in stamps.items()}
    series = record.tilt_series
    if series and not (project / series).is_file():
        inputs[series] = GONE
    return Explained(
        path=path,
        record=record,
        tomograms=tomograms,
        changed={name: how for name, how in changed.items() if how},
        inputs={name: how for name, how in inputs.items() if how},
    )


def _change(path: Path, file: ExportedFile) -> str:
    """Return how a file differs from what was written; empty if it does not."""
    if not path.is_file():
        return "is gone"
    return "" if sha256_of(path) == file.sha256 else "was changed since"


def _replaced(path: Path, stamp: Stamp) -> str:
    """Return how a user's file differs from what was read; empty if it does not."""
    try:
        return "" if file_stamp(path) == stamp else "was changed since"
    except OSError:
        return GONE


def explained_lines(found: Explained) -> Iterator[str]:
    """Yield what is known of a file in words, line by line."""
    record = found.record
    num = sum(sum(one.picks.values()) for one in found.tomograms)
    by = f"by {record.run} " if record.run else ""
    whose = (
        f"{len(found.tomograms)} tomograms"
        if len(found.tomograms) != 1
        else (f"tomogram {found.tomograms[0].tomogram}")
    )
    yield (
        f"{found.path}: {num} picks of all classes in {whose}, found {by}with version"
        f" {record.version} in {record.project}, written for {record.target}"
    )
    if not found.changed:
        yield "the file is what was written"
    yield from _limited(f"CHANGED {name} {how}" for name, how in found.changed.items())
    if record.model:
        yield f"model {record.model}, as thresholds.json beside its file names it"
    for name, chosen in record.thresholds.items():
        yield f"threshold of {name}: {chosen.threshold:.3f}, {_chosen_how(chosen)}"
    yield from _limited(map(_tomogram_line, found.tomograms))
    if record.tilt_series:
        yield f"tilt series: {record.tilt_series}"
    yield from _limited(f"CHANGED input {n} {how}" for n, how in found.inputs.items())
    if not found.inputs:
        yield "all input files are there as they were read"
    for section, values in record.settings.items():
        yield f"settings {section}: {values}"


def _limited(lines: Iterable[str]) -> Iterator[str]:
    """Yield the first lines, and how many more there are."""
    every = list(lines)
    yield from every[:SHOWN]
    if len(every) > SHOWN:
        yield f"and {len(every) - SHOWN} more"


def _chosen_how(chosen: ChosenThreshold) -> str:
    """Return in words how a threshold was chosen."""
    if chosen.source == "pick.thresholds":
        return "set in pick.thresholds"
    if chosen.source == "none":
        return "the method's own, as no particle is known"
    split = chosen.source
    if split == "labeled":
        split = "labeled (noisy copies or halves of them, which were trained on)"
    worth = "" if chosen.f is None else f", F {chosen.f:.3f} there"
    return f"chosen on {chosen.num_truth} known particles of split {split}{worth}"


def _tomogram_line(one: ExportedTomogram) -> str:
    """Return a line about a tomogram: numbers of picks, geometry, files."""
    counts = ", ".join(f"{number} {name}" for name, number in one.picks.items())
    shape = "×".join(map(str, one.shape_zyx))
    tilt = f", tilt series of {one.tilt_pixel_size:g} Å" if one.tilt_pixel_size else ""
    if one.tilt_size_zyx:
        tilt += f" and {'×'.join(map(str, one.tilt_size_zyx))} pixels"
    called = f", called {one.called}" if one.called else ""
    return (
        f"{one.tomogram} ({one.split}{called}): {counts or 'no picks'}; {shape} voxels"
        f" (z, y, x) of {one.voxel_size:g} Å{tilt}; from {', '.join(one.inputs)}"
    )
