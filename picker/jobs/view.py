"""A tomogram and its picks, shown in napari or made ready for another viewer."""

from __future__ import annotations

import difflib
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from picker.config import ExportSettings, Particle
from picker.core.files import written_whole
from picker.formats.picks import copick
from picker.formats.picks.artiax import write_lists
from picker.formats.picks.targets import write_target
from picker.formats.volumes import mrc
from picker.formats.volumes.read import map_volume
from picker.jobs.export import tomogram_picks
from picker.jobs.settings import read_particles, read_section
from picker.jobs.stored import attributes_of
from picker.project.layout import Results
from picker.project.manifests import read_picked
from picker.project.records import Failed
from picker.project.run_record import read_run_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from picker.formats.picks.records import TomogramPicks
    from picker.project.records import Picked

Program = Literal["3dmod", "artiax", "copick"]
MRC_SUFFIXES = (".mrc", ".rec", ".map", ".ccp4")
"""Endings by which ChimeraX knows an MRC file."""
SHOWN_SHARE = 0.5, 99.5
"""Percentiles of the middle slice between which grey values are spread."""
Layer = tuple[Any, dict[str, Any], str]
"""What napari makes a layer of: its data, its properties, its kind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What is shown.

    Attributes
    ----------
    file
        The user's own file.
    volume
        `(z, y, x)`, mapped where the file can be.
    one
        The picks [Å], and the geometry of the file.
    particles
        Classes, with their colours and radii [Å].
    """

    file: Path
    volume: NDArray[Any]
    one: TomogramPicks
    particles: tuple[Particle, ...]


def viewed(folder: Path, tomogram: str, name: str | None = None) -> View:
    """Return a tomogram as its file has it, with the picks of a run.

    Parameters
    ----------
    folder
        The results.
    tomogram
        Its name in the table.
    name
        The run; None: that of the last `snakemake`.

    Raises
    ------
    ValueError
        If there is no such run or tomogram, or it could not be used.
    FileNotFoundError
        If its file or its picks are gone.
    """
    results = Results(str(folder))
    if name is None:
        record = Path(results.record)
        if not record.is_file():
            raise ValueError(
                f"no run.json in {folder}: nothing has run there yet; name the folder"
                " with --results"
            )
        name = read_run_record(record).method
    manifest = Path(results.run(name).picked)
    if not manifest.is_file():
        raise ValueError(
            f"{manifest} is missing: the run {name} has no picks yet; wait for it, see"
            " `picker status`, or name another with --run"
        )
    entry = _entry(tomogram, read_picked([manifest]), name)
    before = entry.preprocessed
    file = Path(attributes_of(before.volume)["source"])
    # It was accepted with the options that it needs.
    volume, _, _ = map_volume(
        file, before.source_voxel_size, may_be_stack=True, may_be_sparse=True
    )
    return View(
        file=file,
        volume=volume,
        one=tomogram_picks(entry),
        particles=read_particles([Path(results.settings("particles"))]),
    )


def _entry(tomogram: str, entries: Sequence[Picked | Failed], run: str) -> Picked:
    """Return a tomogram's record; see `viewed`."""
    for entry in entries:
        if entry.tomogram != tomogram:
            continue
        if isinstance(entry, Failed):
            raise ValueError(f"{tomogram} could not be used: {entry.error}")
        return entry
    names = [entry.tomogram for entry in entries]
    near = difflib.get_close_matches(tomogram, names, 3, 0.0)
    raise ValueError(
        f"the run {run} has no tomogram {tomogram}; expected one of its {len(names)},"
        f" such as {', '.join(near) or '(it has none)'}"
    )


def layers_of(view: View) -> list[Layer]:
    """Return napari's layers: the volume, and the picks of each class.

    Data are in voxels and scaled to Å, so that points which napari saves are read as
    picks again.
    """
    one = view.one
    scaled = {"scale": (one.voxel_size,) * 3, "units": ("angstrom",) * 3}
    middle = view.volume[len(view.volume) // 2]
    low, high = np.percentile(middle, SHOWN_SHARE)
    layers: list[Layer] = [
        (
            view.volume,
            {
                "name": one.own_name,
                "contrast_limits": (float(low), max(float(high), float(low) + 1e-6)),
                **scaled,
            },
            "image",
        )
    ]
    for particle in view.particles:
        picks = one.picks.of(particle.name)
        properties = {
            "name": particle.own_name,
            "features": {"score": picks.score},
            "size": 2 * particle.radius / one.voxel_size,
            "face_color": "transparent",
            "border_color": particle.color,
            # A particle is seen in all slices that it reaches into.
            "out_of_slice_display": True,
            **scaled,
        }
        layers.append((picks.position_zyx / one.voxel_size, properties, "points"))
    return layers


def show_in_napari(view: View) -> None:
    """Open the layers in napari, and return when the user has closed it.

    Raises
    ------
    ValueError
        If napari is not installed, or there is no display.
    """
    advice = "or write files for another viewer, with --with 3dmod, artiax or copick"
    no_screen = not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if sys.platform == "linux" and no_screen and "QT_QPA_PLATFORM" not in os.environ:
        raise ValueError(
            "there is no display to open a window on; expected DISPLAY or"
            f" WAYLAND_DISPLAY: log in with ssh -X, {advice}"
        )
    try:
        import napari

        viewer = napari.Viewer(title=view.one.own_name, show=False)
    except ImportError as error:
        raise ValueError(
            f"napari cannot be loaded ({error}); install it with pip install"
            f" 'napari[pyqt6]', {advice}"
        ) from error
    fill_viewer(viewer, view)
    viewer.show()
    napari.run()


def fill_viewer(viewer: Any, view: View) -> None:
    """Add the layers to a viewer of napari, and go to the volume's middle slice."""
    from napari.layers import Layer

    for layer in layers_of(view):
        viewer.add_layer(Layer.create(*layer))
    viewer.dims.set_point(0, (len(view.volume) // 2) * view.one.voxel_size)
    viewer.scale_bar.visible = True


def write_for(program: Program, view: View, output: Path, settings: Path) -> str:
    """Write a folder of files for another viewer, and return the command to open them.

    Parameters
    ----------
    program
        Which viewer.
    view
        What is shown.
    output
        Folder to write; it must be new or empty, or what was corrected there would be
        lost.
    settings
        JSON of the section `export`; its defaults if there is none.

    Returns
    -------
    A line for the shell.

    Raises
    ------
    ValueError
        If the folder has content.
    """
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ValueError(
            f"{output} is there already, and what you changed in it would be lost;"
            " delete it, or name another with --folder"
        )
    one, particles = view.one, view.particles
    words: list[str | Path]
    with written_whole(output) as folder:
        folder.mkdir()
        if program == "copick":
            export = read_section(
                [settings] if settings.is_file() else [], "export", ExportSettings
            )
            write_target("copick", folder, [one], particles, export, output)
            words = ["napari-copick", "run", "--config", output / copick.CONFIG]
        else:
            volume = view.file
            if not _is_plain_mrc(view):
                volume = output / f"{one.tomogram}.mrc"
                mrc.write_volume(folder / volume.name, view.volume, one.voxel_size)
            if program == "3dmod":
                write_target("imod", folder, [one], particles, ExportSettings())
                words = ["3dmod", volume, output / f"{one.tomogram}.mod"]
            else:
                script = write_lists(folder, one, particles, volume, output)
                words = ["chimerax", output / script]
    return shlex.join(
        str(word.absolute()) if isinstance(word, Path) else word for word in words
    )


def _is_plain_mrc(view: View) -> bool:
    """Return whether other programs see the same voxels at the same places in a file.

    They know an MRC file by its ending, and some ignore an unusual order of its axes.
    """
    if not view.file.is_file() or view.file.suffix.lower() not in MRC_SUFFIXES:
        return False
    try:
        stored, _, _ = mrc.read_volume(
            view.file, view.one.voxel_size, may_be_stack=True
        )
    except ValueError:
        return False
    return stored.flags.c_contiguous
