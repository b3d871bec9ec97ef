"""Picks as one file of a kind, or as a folder of such files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from picker.config import Target
from picker.core.files import temporary_beside, written_whole
from picker.formats.picks.star import write_picks
from picker.formats.picks.targets import FILES, files_of_target, write_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.config import ExportSettings, Particle
    from picker.formats.picks.records import TomogramPicks

Kind = Literal["picker"] | Target
KINDS: tuple[Kind, ...] = ("picker", *get_args(Target))


def write_output(
    kind: Kind,
    output: Path,
    tomograms: Sequence[TomogramPicks],
    particles: Sequence[Particle],
    settings: ExportSettings,
) -> None:
    """Write picks of a kind, all of them or nothing.

    Parameters
    ----------
    kind
        The program's own kind, or a target's.
    output
        One file, if it ends as the kind's files do and is no folder; else a folder laid
        out as `write_target` does.
    tomograms
        What to write; positions in Å.
    particles
        Classes, with radii [Å] where the kind draws boxes or spheres.
    settings
        What the targets read.

    Raises
    ------
    ValueError
        If the output is a folder with content or another kind of file, or one file is
        wanted and the picks make none or several.
    """
    template = "{tomogram}.star" if kind == "picker" else FILES[kind]
    ending = Path(template).suffix
    is_one_file = output.suffix == ending and not output.is_dir()
    if output.is_dir() and any(output.iterdir()):
        raise ValueError(
            f"--output {output} is a folder with content; name a new one, or a file"
            f" that ends with {ending}"
        )
    if output.is_file() and not is_one_file:
        raise ValueError(
            f"--output {output} is a file that does not end with {ending}, as those of"
            f" {kind} do; name another"
        )

    def fill(folder: Path, root: Path | None) -> list[str]:
        """Write the files into a new folder, and return their paths in it."""
        folder.mkdir()
        names = [one.tomogram for one in tomograms]
        if kind == "picker":
            for one in tomograms:
                write_picks(folder / f"{one.tomogram}.star", one.picks)
            return [f"{name}.star" for name in names]
        write_target(kind, folder, tomograms, particles, settings, root)
        classes = [particle.name for particle in particles]
        return files_of_target(kind, names, classes or [""], settings)

    if is_one_file:
        with temporary_beside(output.with_name(f"{output.name}.parts")) as folder:
            _keep_one(folder, fill(folder, None), output, kind)
    else:
        with written_whole(output) as folder:
            fill(folder, output)


def _keep_one(folder: Path, files: Sequence[str], output: Path, kind: Kind) -> None:
    """Copy the one file with picks to the output, and what belongs beside it.

    That is the .doc with tomograms' names, or the list of a model for PEET.
    """
    written = [file for file in files if (folder / file).is_file()]
    if not written:
        raise ValueError(
            f"there are no picks, so that no class has a file of {kind}; give"
            " --particle NAME for one with a header alone"
        )
    if len(written) > 1:
        raise ValueError(
            f"these picks make {len(written)} files of {kind}; expected one for"
            f" --output {output}, name a folder (without an ending)"
        )
    (file,) = written
    for suffix in dict.fromkeys((".doc", ".csv", Path(file).suffix)):
        source = (folder / file).with_suffix(suffix)
        if source.is_file():
            with written_whole(output.with_suffix(suffix)) as temporary:
                shutil.copyfile(source, temporary)
