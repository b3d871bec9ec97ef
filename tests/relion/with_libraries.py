"""What other programs' libraries say; run by a Python that knows nothing of ours."""

import contextlib
import io
import json
import sys
from pathlib import Path

import dynamotable
import eulerangles
import imodmodel
import mrcfile
import numpy as np
import starfile
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models import open_ome_zarr
from pyStarDB import sp_pystardb
from scipy.spatial.transform import Rotation


def validate_mrc(path):
    """Return whether an MRC file keeps to the standard, complaints, and content."""
    said = io.StringIO()
    valid = mrcfile.validate(path, print_file=said)
    with mrcfile.open(path) as file:
        size = file.voxel_size
        return {
            "valid": valid,
            "said": said.getvalue(),
            "voxel_size": [float(size[axis]) for axis in "xyz"],
            "shape": list(file.data.shape),
            "dtype": str(file.data.dtype),
            "sum": float(file.data.sum(dtype=np.float64)),
            "brightest": [int(i) for i in np.argwhere(file.data == file.data.max())[0]],
        }


def read_ome_zarr(path):
    """Return what ome-zarr reads, and the model that its metadata fit."""
    model = open_ome_zarr(zarr.open_group(path, mode="r"))
    (node,) = Reader(parse_url(path))()
    (data,) = node.data
    volume = data.compute()
    return {
        "model": f"{type(model).__module__}.{type(model).__name__}",
        "axes": node.metadata["axes"],
        "scale": node.metadata["coordinateTransformations"],
        "shape": list(volume.shape),
        "dtype": str(volume.dtype),
        "sum": float(volume.sum(dtype=np.float64)),
        "brightest": [int(i) for i in np.argwhere(volume == volume.max())[0]],
    }


def read_stars(folder):
    """Return the blocks of each STAR file in a folder: columns and rows."""
    found = {}
    for path in sorted(Path(folder).rglob("*.star")):
        # Names such as 01 are names; starfile makes numbers of all others that can be.
        blocks = starfile.read(
            path,
            always_dict=True,
            parse_as_string=["rlnTomoName", "rlnMicrographName"],
        )
        found[str(path.relative_to(folder))] = {
            name: {"columns": list(block.columns), "rows": block.to_numpy().tolist()}
            for name, block in blocks.items()
        }
    return found


def copy_model(path, copy):
    """Return the points that imodmodel reads in a model; let it write them again."""
    points = imodmodel.read(path)
    imodmodel.write(points, copy)
    return points[["object_id", "x", "y", "z"]].to_numpy().tolist()


def copy_table(path, names, copy):
    """Return the rows that dynamotable reads in a table; let it write them again."""
    table = dynamotable.read(path)
    dynamotable.write(table, copy)
    columns = ["x", "y", "z", "cc", "class", "tomo_file"]
    return dynamotable.read(path, names)[columns].to_numpy().tolist()


def read_boxes(path):
    """Return the tables of a CBOX file, as crYOLO's box manager reads them."""
    tables = sp_pystardb.StarFile(path)
    boxes = tables["cryolo"]
    columns = ["CoordinateX", "CoordinateY", "CoordinateZ", "Width", "Confidence"]
    return {
        "tables": sorted(tables.keys()),
        "boxes": boxes[[f"_{name}" for name in columns]].to_numpy().tolist(),
    }


def matrices(relion, dynamo, stopgap):
    """Return the rotations, x, y, z, that SciPy makes of the angles in three files.

    Those of the table of Dynamo are also turned into RELION's by eulerangles.
    """

    def of_relion(angles):
        # Intrinsic; from the tomogram to the particle.
        return Rotation.from_euler("ZYZ", angles, degrees=True).inv()

    names = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]
    table = dynamotable.read(dynamo)[["tdrot", "tilt", "narot"]].to_numpy()
    motl = starfile.read(stopgap)[["phi", "the", "psi"]].to_numpy()
    found = {
        "relion": of_relion(starfile.read(relion)[names].to_numpy()),
        # Extrinsic, likewise.
        "dynamo": Rotation.from_euler("zxz", table, degrees=True).inv(),
        "eulerangles": of_relion(eulerangles.convert_eulers(table, "dynamo", "relion")),
        # Extrinsic; from the particle to the tomogram.
        "stopgap": Rotation.from_euler("zxz", motl, degrees=True),
    }
    return {name: rotation.as_matrix().tolist() for name, rotation in found.items()}


def angles_from_eulerangles(relion):
    """Return the angles of Dynamo that eulerangles makes of a file of RELION."""
    names = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]
    angles = starfile.read(relion)[names].to_numpy()
    return eulerangles.convert_eulers(angles, "relion", "dynamo").tolist()


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        answer = globals()[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(answer))
