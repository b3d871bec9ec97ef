"""Picks of micrographs, which have no z: written, read back, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from picker.config import ExportSettings, Particle
from picker.config.base import OF_MICROGRAPHS
from picker.core.picks import no_picks, picks_from_arrays
from picker.formats.picks.known import read_known_picks
from picker.formats.picks.read import read_coordinates
from picker.formats.picks.records import TomogramPicks
from picker.formats.picks.targets import FILES, write_target

V = 1.25
SHAPE = (1, 400, 500)
PARTICLES = (Particle(name="ribosome", radius=60),)
STAR = "\ndata_\n\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n"
LIST = (
    "\ndata_coordinate_files\n\nloop_\n_rlnMicrographName\n_rlnMicrographCoordinates\n"
)


def found(num=40, shape=SHAPE):
    rng = np.random.default_rng(0)
    index = rng.uniform(0, np.array(shape) - 1, (num, 3))
    score = rng.random(num).astype(np.float32)
    return picks_from_arrays(index * V, ["ribosome"] * num, score)


def write(folder, target, picks, shape=SHAPE, **more):
    one = TomogramPicks(
        **{"tomogram": "mic", "voxel_size": V, "shape_zyx": shape, "picks": picks}
        | more
    )
    write_target(target, folder, [one], PARTICLES, ExportSettings(), folder)
    return folder / FILES[target].format(tomogram="mic", particle="ribosome")


def read(path, tomogram="mic", shape=SHAPE):
    return read_known_picks([path], tomogram, PARTICLES, V, shape)[0]


@pytest.mark.parametrize(
    ("target", "moves"), [("autopick", V / 2), ("box", V / 2), ("cbox", 1e-5)]
)
def test_picks_come_back(tmp_path, target, moves):
    picks = found()
    again = read(write(tmp_path, target, picks))
    assert np.abs(again.position_zyx - picks.position_zyx).max() <= moves + 1e-9
    assert (again.position_zyx[:, 0] == 0).all()
    expected = np.ones(40) if target == "box" else picks.score
    np.testing.assert_array_equal(again.score, expected)
    assert len(read(write(tmp_path, target, no_picks()))) == 0


def test_relions_list_names_micrographs_by_their_files(tmp_path):
    picks = found(5)
    write(tmp_path, "autopick", picks, file="MotionCorr/job002/mic.mrc")
    path = tmp_path / "ribosome" / "coordinate_files.star"
    assert f"MotionCorr/job002/mic.mrc {tmp_path}/ribosome/mic_aut" in path.read_text()
    assert len(read(path)) == 5
    write(tmp_path, "autopick", picks, called="Micrographs/a.mrc")
    assert "\nMicrographs/a.mrc " in path.read_text()


def test_the_files_of_a_list_count_from_relions_project(tmp_path):
    folder = tmp_path / "AutoPick" / "job006"
    folder.mkdir(parents=True)
    text = LIST
    for name, row in (("a", "30.7 40 "), ("b", "50 60")):
        (folder / f"{name}_autopick.star").write_text(f"{STAR}{row}\n")
        text += f"Movies/{name}.mrc AutoPick/job006/{name}_autopick.star\n"
    (folder / "autopick.star").write_text(text)
    path = folder / "autopick.star"
    picks = read(path, "b")
    np.testing.assert_allclose(picks.position_zyx, [[0, 60 * V, 50 * V]])
    assert read_coordinates(path).tomogram == ["a", "b"]
    # Another micrograph's missing file does no harm.
    (folder / "a_autopick.star").unlink()
    assert len(read(path, "b")) == 1
    (folder / "b_autopick.star").write_text(
        STAR + "_rlnCoordinateZ\n_rlnAutopickFigureOfMerit\n1 2 3 .5\n"
    )
    with pytest.raises(ValueError, match=r"RELION 3\.1 STAR; expected x and y"):
        read(path, "b")


def test_extracted_particles_of_many_micrographs_are_told_apart(tmp_path):
    path = tmp_path / "particles.star"
    path.write_text(
        "\ndata_optics\n\nloop_\n_rlnOpticsGroup\n_rlnMicrographPixelSize\n1 2.5\n"
        + STAR.replace("data_", "data_particles")
        + "_rlnMicrographName\n_rlnOriginXAngst\n_rlnOpticsGroup\n"
        + "10 20 MotionCorr/a.mrc 0 1\n30 40 MotionCorr/mic.mrc 3 1\n"
    )
    # In RELION's pixels of 2.5 Å; its origin is subtracted.
    assert read(path).position_zyx.tolist() == [[0, 100, 72]]


@pytest.mark.parametrize("target", OF_MICROGRAPHS)
def test_picks_without_z_are_not_taken_for_those_of_a_tomogram(tmp_path, target):
    path = write(tmp_path, target, found())
    with pytest.raises(ValueError, match="has no z: its picks are of a micrograph"):
        read(path, shape=(64, 400, 500))


@pytest.mark.parametrize("target", sorted(set(FILES) - set(OF_MICROGRAPHS)))
def test_targets_of_tomograms_refuse_micrographs(tmp_path, target):
    match = f"{target} is of tomograms, but mic is a micrograph; expected one of autop"
    with pytest.raises(ValueError, match=match):
        write(tmp_path, target, found())
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("target", ["autopick", "box"])
def test_targets_of_micrographs_refuse_tomograms(tmp_path, target):
    with pytest.raises(ValueError, match=f"{target} holds no z, but mic has 9 slices"):
        write(tmp_path, target, found(shape=(9, 400, 500)), shape=(9, 400, 500))


def test_two_micrographs_of_one_name_would_be_one_in_relions_list(tmp_path):
    more = {"voxel_size": V, "shape_zyx": SHAPE, "picks": found(3), "called": "m.mrc"}
    both = [TomogramPicks(tomogram=name, **more) for name in ("a", "b")]
    with pytest.raises(ValueError, match=r"a and b are both m\.mrc; expected differe"):
        write_target("autopick", tmp_path, both, PARTICLES, ExportSettings())
    write_target("box", tmp_path, both, PARTICLES, ExportSettings())
