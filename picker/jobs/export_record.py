"""The record beside exported picks: model, thresholds, settings, inputs, geometry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from picker.formats.picks.targets import FILES, files_of_target
from picker.formats.tables.thresholds import Thresholds
from picker.project.exported import (
    ChosenThreshold,
    Exported,
    ExportedFile,
    ExportedTomogram,
    sha256_of,
)
from picker.project.json_files import read_json, read_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from picker.config import ExportSettings, Particle, Target
    from picker.formats.picks.records import TomogramPicks
    from picker.project.records import Picked

THRESHOLDS = TypeAdapter(Thresholds)
OF_RELION: tuple[Target, ...] = ("relion4", "relion5")
"""Targets that look tomograms up in RELION's tomograms.star."""
OWN = "pick.thresholds"
"""Source of a threshold that the user set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What an export's job knows of its picks besides their manifests.

    Attributes
    ----------
    run
        The method; empty: not known.
    thresholds
        JSON of the calibration; None: not known.
    settings
        Files of the sections of the settings.
    """

    run: str = ""
    thresholds: Path | None = None
    settings: tuple[Path, ...] = ()


def export_record(
    origin: Origin,
    target: Target,
    folder: Path,
    written: Sequence[tuple[Picked, TomogramPicks]],
    particles: Sequence[Particle],
    settings: ExportSettings,
) -> Exported:
    """Return the record of files that were just written into a folder.

    Raises
    ------
    ValueError
        If the thresholds or the settings are damaged.
    """
    owners = {
        file: one.tomogram
        for _, one in written
        if "{tomogram}" in FILES[target]
        for file in files_of_target(
            target, [one.tomogram], [p.name for p in particles], settings
        )
    }
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in paths]
    files = {
        name: ExportedFile(sha256=sha256_of(path), tomogram=owners.get(name))
        for name, path in zip(names, paths, strict=True)
    }
    tilt_series = settings.tomograms_star if target in OF_RELION else None
    return record_of(
        origin,
        target,
        [exported_tomogram(entry, one) for entry, one in written],
        files,
        tilt_series,
    )


def record_of(
    origin: Origin,
    target: str,
    tomograms: Sequence[ExportedTomogram],
    files: Mapping[str, ExportedFile],
    tilt_series: Path | None = None,
    project: Path | None = None,
) -> Exported:
    """Return the record of files, with what is known of the run that they are of.

    Raises
    ------
    ValueError
        If the thresholds or the settings are damaged.
    """
    sections = {path.stem: read_json(path) for path in origin.settings}
    found = _read_thresholds(origin.thresholds) if origin.thresholds else None
    return Exported(
        run=origin.run,
        project=str((project or Path()).absolute()),
        target=target,
        model=found.model if found else "",
        thresholds=_chosen(found, sections) if found else {},
        settings=sections,
        tilt_series=str(tilt_series) if tilt_series else None,
        tomograms=tuple(tomograms),
        files=dict(files),
    )


def _read_thresholds(path: Path) -> Thresholds:
    return read_record(path, THRESHOLDS, "JSON of `picker calibrate`")


def _chosen(
    found: Thresholds, sections: Mapping[str, Any]
) -> dict[str, ChosenThreshold]:
    """Return each particle's threshold; one that the user set takes precedence."""
    calibrated = {
        name: ChosenThreshold(
            threshold=one.threshold,
            source=one.source,
            num_truth=one.num_truth,
            f=one.f,
        )
        for name, one in found.particles.items()
    }
    own = sections.get("pick", {}).get("thresholds", {})
    return calibrated | {
        name: ChosenThreshold(threshold=value, source=OWN)
        for name, value in own.items()
        if name in calibrated
    }


def exported_tomogram(entry: Picked, one: TomogramPicks) -> ExportedTomogram:
    """Return what the record of an export has of a tomogram."""
    return ExportedTomogram(
        tomogram=entry.tomogram,
        split=entry.split,
        picks=entry.counts,
        fingerprint=entry.fingerprint,
        voxel_size=one.voxel_size,
        shape_zyx=one.shape_zyx,
        tilt_pixel_size=one.tilt_pixel_size,
        tilt_size_zyx=one.tilt_size_zyx,
        called=one.called,
        inputs=entry.preprocessed.stamps,
    )
