"""Tomograms of a WarpTools project: its settings, .tomostar files, reconstructions.

Loaded while the workflow is planned, so without NumPy.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from picker.core.files import checked_file
from picker.core.messages import cut
from picker.formats.projects.rows import Found, age_of
from picker.formats.text import listed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from picker.config import WarpSettings

VOLUME = re.compile(r"(?P<name>.+)_(?P<size>\d+\.\d+)Apx\.mrc")
"""Name of a reconstruction: the tilt series and the voxel size [Å]."""
ROUNDING = 0.0051
"""By how much a voxel size may differ from a name's, which has two decimals [Å]."""
LARGEST = 10_000_000
"""Most bytes of a file of settings."""
EXPECTED = "the settings of WarpTools' tilt series, such as warp_tiltseries.settings"


def warp_tomograms(settings: WarpSettings, settle: float) -> list[Found]:
    """Return the tomograms of a WarpTools project, one for each .tomostar file.

    Voxel sizes are left to the volumes' headers, which are not rounded.

    Parameters
    ----------
    settings
        The project, and which reconstructions.
    settle
        Seconds for which a file must not have changed.

    Raises
    ------
    ValueError
        If the file is no settings of WarpTools, a folder is missing or has no tilt
        series, or it is not clear which size of voxels is meant.

    Source: Warp, https://github.com/warpem/warp, commit e321344, OptionsWarp.cs,
    TiltSeries.cs and WarpTools/Commands/BaseOptions.cs.
    """
    data, processing, pattern, is_deep = _folders(settings.settings)
    series = sorted(data.rglob(pattern) if is_deep else data.glob(pattern))
    names = [file.stem for file in series if not file.name.startswith(".")]
    if not names:
        raise ValueError(
            f"{data} has no {pattern}; expected the tilt series of {settings.settings},"
            " as ts_import writes them: check tomograms.warp.settings"
        )
    folder = processing / "reconstruction"
    chosen = {
        "reconstruction": folder,
        "deconv": folder / "deconv",
        "denoised": processing / "denoised",
    }[settings.volume]
    volumes = _volumes(chosen)
    wanted = settings.voxel_size or _only_size(chosen, volumes)
    whole, even, odd = (
        _of_size(one, wanted)
        for one in (volumes, _volumes(folder / "even"), _volumes(folder / "odd"))
    )
    lacking = f"has no reconstruction of {wanted:.2f} Å in {chosen}"
    return [
        Found(
            name=name,
            path=whole[name],
            even=even.get(name),
            odd=odd.get(name),
            waits=age_of([whole[name], even.get(name), odd.get(name)], settle),
        )
        if name in whole
        else Found(name=name, path=chosen, waits=lacking)
        for name in names
    ]


def _folders(path: Path) -> tuple[Path, Path, str, bool]:
    """Return where tilt series and results are, the series' pattern, and whether deep.

    Raises
    ------
    ValueError
        If the file is missing or no settings of WarpTools.
    """
    if not checked_file(path, EXPECTED).is_file():
        raise ValueError(
            f"{path} does not exist; expected {EXPECTED}, set tomograms.warp.settings"
        )
    values = _import_settings(path)
    if not values.get("DataFolder"):
        raise ValueError(
            f"{path} names no DataFolder in Import; expected {EXPECTED}, fix its path"
        )
    data = path.parent / values["DataFolder"]
    processing = path.parent / (values.get("ProcessingFolder") or values["DataFolder"])
    for name, folder in (("DataFolder", data), ("ProcessingFolder", processing)):
        if not folder.is_dir():
            raise ValueError(
                f"{folder}, the {name} of {path}, is no folder; expected that of the"
                " project: run WarpTools first, or correct the file"
            )
    is_deep = values.get("DoRecursiveSearch", "").lower() == "true"
    return data, processing, values.get("Extension") or "*.tomostar", is_deep


def _import_settings(path: Path) -> dict[str, str]:
    """Return the parameters below Import in WarpTools' settings, which are XML."""
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    try:
        # Definitions of a file's own can stand for more than the memory holds.
        if len(content) > LARGEST or b"<!" in content:
            raise ValueError("too large, or with definitions of its own")
        root = ET.fromstring(content)
    except (ET.ParseError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be read ({cut(error)}); expected {EXPECTED}, fix its path"
        ) from error
    params = root.findall("./Import/Param")
    return {param.get("Name", ""): param.get("Value", "") for param in params}


def _volumes(folder: Path) -> dict[tuple[str, float], Path]:
    """Return a folder's reconstructions by tilt series and voxel size [Å]."""
    matches = (VOLUME.fullmatch(file.name) for file in sorted(folder.glob("*Apx.mrc")))
    return {
        (match["name"], float(match["size"])): folder / match[0]
        for match in matches
        if match
    }


def _of_size(
    volumes: Mapping[tuple[str, float], Path], wanted: float
) -> dict[str, Path]:
    """Return those of one voxel size [Å], by tilt series."""
    return {
        name: file
        for (name, size), file in volumes.items()
        if abs(size - wanted) <= ROUNDING
    }


def _only_size(folder: Path, volumes: Mapping[tuple[str, float], Path]) -> float:
    """Return the voxel size [Å] of a folder's reconstructions, if all have one."""
    sizes = sorted({size for _, size in volumes})
    if len(sizes) == 1:
        return sizes[0]
    if not sizes:
        raise ValueError(
            f"{folder} has no reconstruction, such as TS_1_10.00Apx.mrc; expected those"
            " of ts_reconstruct: run it, or check tomograms.warp.volume"
        )
    raise ValueError(
        f"{folder} has reconstructions of {listed(f'{size:.2f} Å' for size in sizes)};"
        " expected those of one voxel size, name it in tomograms.warp.voxel_size"
    )
