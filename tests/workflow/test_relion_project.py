"""A RELION 5 project in place of a table: it is picked and gets its picks."""

import json

import mrcfile
import numpy as np
import pytest
import starfile
from scipy.ndimage import gaussian_filter

from picker.__main__ import main
from tests.workflow.project import Project

TILT_PIXEL_SIZE = 1.35
BINNING = 7.407407
VOXEL_SIZE = TILT_PIXEL_SIZE * BINNING
SHAPE_ZYX = np.array([32, 64, 72])
UNBINNED_ZYX = np.round(SHAPE_ZYX * BINNING).astype(int)
RADIUS = 50.0
# As in the tutorial on EMPIAR-10164, but for the sizes.
TOMOGRAMS_STAR = """
# version 50001

data_global

loop_
_rlnTomoName #1
_rlnVoltage #2
_rlnSphericalAberration #3
_rlnAmplitudeContrast #4
_rlnMicrographOriginalPixelSize #5
_rlnTomoHand #6
_rlnOpticsGroupName #7
_rlnTomoTiltSeriesPixelSize #8
_rlnTomoTiltSeriesStarFile #9
_rlnEtomoDirectiveFile #10
_rlnTomoTomogramBinning #11
_rlnTomoSizeX #12
_rlnTomoSizeY #13
_rlnTomoSizeZ #14
_rlnTomoReconstructedTomogram #15
"""


def volume(name):
    return f"Tomograms/job010/tomograms/rec_{name}.mrc"


def row(name):
    series = f"AlignTiltSeries/job009/tilt_series/{name}.star"
    edf = f"AlignTiltSeries/job009/external/{name}/{name}.edf"
    sizes = " ".join(map(str, UNBINNED_ZYX[::-1]))
    return (
        f"{name} 300.000000 2.700000 0.100000 0.675000 -1.000000 optics1"
        f" {TILT_PIXEL_SIZE:.6f} {series} {edf} {BINNING:.6f} {sizes} {volume(name)}\n"
    )


@pytest.fixture
def truth(tmp_path):
    """Return the voxels of dark balls in a made RELION project's three volumes."""
    folder = tmp_path / "relion"
    (folder / volume("")).parent.mkdir(parents=True)
    names = ("TS_01", "TS_03", "TS_43")
    (folder / "Tomograms/job010/tomograms.star").write_text(
        TOMOGRAMS_STAR + "".join(map(row, names)) + "\n"
    )
    random = np.random.default_rng(5)
    grid = np.stack(np.meshgrid([8, 23], [12, 32, 51], [11, 30, 58], indexing="ij"), -1)
    known = {}
    for name in names:
        places = random.permutation(grid.reshape(-1, 3))[:7]
        density = np.zeros(SHAPE_ZYX, np.float32)
        density[tuple(places.T)] = -1
        density = gaussian_filter(density, RADIUS / VOXEL_SIZE / 2)
        noise = random.normal(0, density.std(), density.shape)
        with mrcfile.new(folder / volume(name)) as mrc:
            mrc.set_data((density + noise).astype(np.float32))
            mrc.voxel_size = VOXEL_SIZE
        known[name] = places
    return known


def test_a_relion_project_is_picked_and_gets_its_picks(truth, tmp_path, monkeypatch):
    config = {
        "method": "blobs",
        "particles": [{"name": "capsid", "radius": RADIUS}],
        "tomograms": {
            "source": "relion",
            "relion": {"tomograms_star": "../relion/Tomograms/job010/tomograms.star"},
            "splits": None,
        },
        "pick": {"top_k": 7},
        "export": {"targets": ["relion5"]},
        "report": {"max_pictures": 0},
    }
    project = Project(tmp_path / "project", config)
    project.succeed()
    monkeypatch.chdir(tmp_path / "relion")
    export = project.path("blobs", "export", "relion5")
    assert main(["relion-job", str(export), "--o", "External/job020/"]) == 0
    job = tmp_path / "relion/External/job020"
    # By RELION 5's own definition, without code of the project.
    particles = starfile.read(job / "capsid.star")
    for name, places in truth.items():
        rows = particles[particles.rlnTomoName == name]
        centred = rows[[f"rlnCenteredCoordinate{axis}Angst" for axis in "ZYX"]]
        expected = (places * BINNING - UNBINNED_ZYX / 2) * TILT_PIXEL_SIZE
        away = np.linalg.norm(centred.to_numpy()[:, None] - expected, axis=-1)
        assert away.shape == (7, 7)
        assert away.min(0).max() < VOXEL_SIZE
        assert away.min(1).max() < VOXEL_SIZE
    nodes = starfile.read(job / "RELION_OUTPUT_NODES.star").to_numpy()
    assert "External/job020/capsid.star" in nodes

    # What RELION has now are known picks of another project.
    splits = "tomogram\tsplit\n" + "".join(f"{name}\ttest\n" for name in truth)
    again = Project(tmp_path / "again", config)
    (again.folder / "splits.tsv").write_text(splits)
    again.change(
        "tomograms", splits="splits.tsv", picks={"test": str(job / "capsid.star")}
    )
    again.succeed()
    metrics = json.loads(again.path("blobs", "evaluation", "metrics.json").read_text())
    assert (metrics["f1@0.75"]["capsid"], metrics["num_tomograms"]) == (1, 3)
