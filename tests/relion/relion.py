"""RELION 3.1 and the export that leads to it, both as a user runs them."""

import json
import subprocess
import sys
from pathlib import Path

import mrcfile
import numpy as np
import starfile

from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.project.manifests import write_manifest
from tests.unit.predicted import picked

ROOT = Path(__file__).parents[2]
PARTICLE = "ribosome"
OPTICS = {
    "rlnOpticsGroup": 1,
    "rlnOpticsGroupName": "opticsGroup1",
    "rlnVoltage": 300.0,
    "rlnSphericalAberration": 2.7,
    "rlnAmplitudeContrast": 0.1,
}


def relion(folder, program, *arguments):
    """Run one of RELION's programs and return what it said.

    Its exit status is 0 after many errors, so the caller looks at the files.
    """
    done = subprocess.run(
        [f"relion_{program}", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    return said


def export(
    folder,
    found,
    voxel_size,
    shape_zyx,
    scores=None,
    target="relion3",
    rotations=None,
    context=None,
):
    """Export picks for RELION as the rule does, from a manifest, and return where.

    Parameters
    ----------
    folder
        Gets picks, manifest, settings and what the verb writes.
    found
        Name of a tomogram: `(n, 3)` positions [Å, zyx].
    voxel_size, shape_zyx
        Of every tomogram, [Å] and voxels.
    scores
        `(n,)` scores, the same for every tomogram; None: all 1.
    target
        The kind of files.
    rotations
        Name of a tomogram: `(n, 3, 3)` as picks have them; None: not known.
    context
        What is around picks, the same for every tomogram; None: not measured.
    """
    entries = []
    for name, position_zyx in found.items():
        path = folder / "picks" / f"{name}.star"
        names = [PARTICLE] * len(position_zyx)
        turned = rotations and rotations[name]
        picks = picks_from_arrays(position_zyx, names, scores, turned, context)
        write_picks(path, picks)
        entries.append(picked(path, name, voxel_size=voxel_size, shape_zyx=shape_zyx))
    manifest, settings = folder / "pick.json", folder / "particles.json"
    write_manifest(manifest, entries)
    settings.write_text(json.dumps([{"name": PARTICLE, "radius": 60.0}]))
    output = folder / "export" / target
    subprocess.run(
        [
            *(sys.executable, "-m", "picker", "export", "--manifests", manifest),
            *("--settings", settings, "--target", target, "--output", output),
        ],
        cwd=ROOT,
        check=True,
    )
    return output / PARTICLE


def extract(folder, names, coordinates, voxel_size, box, *more, suffix="_pick.star"):
    """Let RELION cut boxes of tomograms `<folder>/<name>.mrc`; return their table.

    Rows are in RELION's order: by tomogram, then as in its coordinate file, whose name
    is the tomogram's and a suffix.
    """
    micrographs = folder / "micrographs.star"
    optics = OPTICS | {"rlnMicrographPixelSize": voxel_size}
    lines = ["data_optics", "", "loop_", *(f"_{name}" for name in optics)]
    lines += [" ".join(map(str, optics.values())), "", "data_micrographs", "", "loop_"]
    lines += ["_rlnMicrographName", "_rlnOpticsGroup"]
    lines += [f"{name}.mrc 1" for name in names]
    micrographs.write_text("\n".join([*lines, "", ""]))
    relion(
        folder,
        "preprocess",
        *("--i", micrographs.name, "--coord_dir", f"{coordinates}/"),
        *("--coord_suffix", suffix, "--extract", "--extract_size", box),
        *("--part_dir", "boxes/", "--part_star", "boxes/particles.star", *more),
    )
    return starfile.read(folder / "boxes" / "particles.star", always_dict=True)[
        "particles"
    ]


def boxes(folder, particles):
    """Return `(n, box, box, box)` voxels of the boxes of a table."""
    return np.stack([mrcfile.read(folder / name) for name in particles.rlnImageName])


def reconstruct(folder, particles, name, rotations=None):
    """Average boxes and return the map, `(box, box, box)`.

    Parameters
    ----------
    particles
        The table that `extract` returned.
    name
        Of the files that are written.
    rotations
        Of each box, from the reference to the tomogram; None: unknown.
    """
    blocks = starfile.read(folder / "boxes" / "particles.star", always_dict=True)
    if rotations is not None:
        angles = rotations.inv().as_euler("ZYZ", degrees=True)
        columns = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
        particles = particles.assign(**dict(zip(columns, angles.T, strict=True)))
    starfile.write(
        {"optics": blocks["optics"], "particles": particles}, folder / f"{name}.star"
    )
    relion(
        folder,
        "reconstruct",
        *("--i", f"{name}.star", "--o", f"{name}.mrc", "--3d_rot"),
    )
    return mrcfile.read(folder / f"{name}.mrc").astype(np.float64)
