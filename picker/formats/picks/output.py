"""Picks as one file of a kind, or as a folder of such files."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from picker.config import Target
from picker.core.files import temporary_beside, written_whole
from picker.formats.picks.peet import is_motive_list
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
        If the output is a folder with content or another kind of file, one file is
        wanted and the picks make none or several, or what belongs beside it would
        replace another's file.
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
    source = folder / written[0]
    beside = [
        made
        for made in (source.with_suffix(suffix) for suffix in (".doc", ".csv"))
        if made.is_file() and made != source
    ]
    for made in beside:
        _check_replaceable(output.with_suffix(made.suffix), made, output)
    for made in (*beside, source):
        with written_whole(output.with_suffix(made.suffix)) as temporary:
            shutil.copyfile(made, temporary)


def _check_replaceable(path: Path, made: Path, output: Path) -> None:
    """Check that what is written beside an output replaces nothing but its like.

    Raises
    ------
    ValueError
        If there is something else.
    """
    if not path.exists():
        return
    if path.is_file():
        is_list = made.suffix == ".csv" and is_motive_list(path)
        if is_list or filecmp.cmp(path, made, shallow=False):
            return
    raise ValueError(
        f"{path} exists, and a file of that name is written beside {output}; expected"
        " none or one that this program wrote, move it away or name another --output"
    )
