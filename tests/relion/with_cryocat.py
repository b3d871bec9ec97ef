"""What cryoCAT makes of lists of particles; run by a Python that knows none of ours."""

import contextlib
import json
import sys

from cryocat.cryomotl import Motl, RelionMotl


def poses(path, kind):
    """Return each particle's place [voxels], and what turns its reference there."""
    table = Motl.load(path, kind)
    return {
        "place_xyz": table.get_coordinates().tolist(),
        "turn_xyz": table.get_rotations().as_matrix().tolist(),
    }


def copy(path, kind, output, output_kind):
    """Let cryoCAT write a list of one kind as one of another, with voxels of 10 Å."""
    table = Motl.load(path, kind).df
    if output_kind.startswith("relion"):
        version = float(output_kind.removeprefix("relion"))
        RelionMotl(table, version, pixel_size=10.0, binning=1.0).write_out(output)
    else:
        Motl(table).write_out(output, output_kind)


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        answer = globals()[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(answer))
