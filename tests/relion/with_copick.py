"""What the real copick says; run by its own Python, which knows nothing of ours."""

import contextlib
import json
import sys
from pathlib import Path

import copick
import emfile
import numpy as np
from copick.util import formats


def read_project(config):
    """Return the objects and picks that copick finds in a project."""
    root = copick.from_file(config)
    picks = [
        {
            "run": run.name,
            "object": one.pickable_object_name,
            "user": one.user_id,
            "session": one.session_id,
            "position_xyz": one.full_positions().tolist(),
            "score": one.scores().tolist(),
            "transform": one.numpy()[1].tolist(),
        }
        for run in root.runs
        for one in run.picks
    ]
    objects = [
        {
            "name": one.name,
            "is_particle": one.is_particle,
            "label": one.label,
            "color": list(one.color),
            "radius": one.radius,
        }
        for one in root.pickable_objects
    ]
    return {"objects": objects, "picks": picks}


def make_project(folder):
    """Let copick write a project of one tomogram and its picks; return where they are.

    The folder holds what goes in: volume.npy, position_xyz.npy [Å], shift_xyz.npy [Å],
    which refinement would have found, and score.npy.
    """
    folder = Path(folder)
    config = {
        "config_type": "filesystem",
        "name": "made by copick",
        "version": "1.0.0",
        "pickable_objects": [
            {"name": "ribosome", "is_particle": True, "label": 1, "radius": 150}
        ],
        "overlay_root": f"local://{folder}",
        "overlay_fs_args": {"auto_mkdir": True},
        "static_root": None,
        "static_fs_args": {},
    }
    path = folder / "copick_config.json"
    path.write_text(json.dumps(config))
    run = copick.from_file(str(path)).new_run("TS_01")
    tomogram = run.new_voxel_spacing(10.012).new_tomogram("denoised")
    tomogram.from_numpy(np.load(folder / "volume.npy"), levels=2)
    picks = run.new_picks("ribosome", "1", "me")
    position = np.load(folder / "position_xyz.npy")
    transforms = np.tile(np.eye(4), (len(position), 1, 1))
    transforms[:, :2, :2] = [[0, -1], [1, 0]]  # turned about z, too
    transforms[:, :3, 3] = np.load(folder / "shift_xyz.npy")
    picks.from_numpy(position, transforms, scores=np.load(folder / "score.npy"))
    picks.store()
    return picks.full_positions().tolist()


def write_em(volume, path):
    """Let emfile, which copick brings, write a volume from an .npy file."""
    emfile.write(path, np.load(volume))


def read_lists(table, motl, voxel_size):
    """Return positions x, y, z [Å] and transforms of Dynamo's and AV3's lists."""
    size = float(voxel_size)
    place, angles, shift, _ = formats.read_dynamo_table(table)
    dynamo = formats.dynamo_to_copick_transform(place, angles, shift, size)
    place, angles, _, shift = formats.read_em_motivelist(motl, include_shifts=True)
    av3 = formats.em_to_copick_transform(place, angles, size, shift)
    return {
        name: {
            "position_xyz": (points + transforms[:, :3, 3]).tolist(),
            "turn": transforms[:, :3, :3].tolist(),
        }
        for name, (points, transforms) in (("dynamo", dynamo), ("av3", av3))
    }


def version():
    """Return copick's version."""
    return copick.__version__


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        answer = globals()[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(answer))
