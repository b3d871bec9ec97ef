"""RELION 3.1 finds every pick where it is, and averages particles sharply."""

import mrcfile
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from picker.formats.picks.star import read_picks
from picker.formats.volumes.mrc import read_volume, write_volume
from tests.relion.relion import (
    boxes,
    export,
    extract,
    reconstruct,
    relion,
)
from tests.workflow.project import SMALL, Project

pytestmark = pytest.mark.relion

VOXEL_SIZE = 8.0
SHAPE = (56, 96, 112)


def cut(volume, index_zyx, box):
    """Return the box around a voxel, which lies at box // 2 of it."""
    return volume[tuple(slice(i - box // 2, i + box - box // 2) for i in index_zyx)]


def random_indices(rng, number, box):
    """Return `(number, 3)` different voxels whose boxes lie inside a tomogram."""
    inner = np.array(SHAPE) - box + 1
    flat = rng.choice(inner.prod(), number, replace=False)
    return np.stack(np.unravel_index(flat, inner), axis=1) + box // 2


@pytest.mark.parametrize("box", [16, 22])
def test_1000_bright_voxels_land_exactly_at_the_centre_of_their_boxes(tmp_path, box):
    rng = np.random.default_rng(box)
    names = [f"TS_{number:02d}" for number in range(10)]
    volumes, found, bright = {}, {}, {}
    for name in names:
        index_zyx = random_indices(rng, 100, box)
        bright[name] = rng.permutation(np.arange(1, 101)).astype(np.float32)
        volumes[name] = np.zeros(SHAPE, np.float32)
        volumes[name][tuple(index_zyx.T)] = bright[name]
        write_volume(tmp_path / f"{name}.mrc", volumes[name], VOXEL_SIZE)
        # Anywhere within the voxel: RELION cuts decimals off, so the export rounds.
        within = rng.uniform(-0.49, 0.49, (100, 3))
        found[name] = (index_zyx + within) * VOXEL_SIZE
    output = export(tmp_path, found, VOXEL_SIZE, SHAPE)
    particles = extract(tmp_path, names, output, VOXEL_SIZE, box)
    cubes = boxes(tmp_path, particles)
    assert cubes.shape == (1000, box, box, box)
    expected = np.concatenate([bright[name] for name in names])
    centre = box // 2
    np.testing.assert_array_equal(cubes[:, centre, centre, centre], expected)
    indices = particles[[f"rlnCoordinate{axis}" for axis in "ZYX"]].to_numpy(int)
    for name, index, cube in zip(
        particles.rlnMicrographName, indices, cubes, strict=True
    ):
        around = cut(volumes[name.removesuffix(".mrc")], index, box)
        np.testing.assert_array_equal(cube, around)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("voxels", [-1.0, 0.6, 1.0])
def test_picks_that_are_off_along_one_axis_are_seen(tmp_path, axis, voxels):
    index_zyx = random_indices(np.random.default_rng(axis), 50, 16)
    volume = np.zeros(SHAPE, np.float32)
    volume[tuple(index_zyx.T)] = np.arange(1, 51)
    write_volume(tmp_path / "TS_01.mrc", volume, VOXEL_SIZE)
    off = np.zeros(3)
    off[axis] = voxels
    found = {"TS_01": (index_zyx + off) * VOXEL_SIZE}
    output = export(tmp_path, found, VOXEL_SIZE, SHAPE)
    particles = extract(tmp_path, ["TS_01"], output, VOXEL_SIZE, 16)
    cubes = boxes(tmp_path, particles)
    assert not (cubes[:, 8, 8, 8] == np.arange(1, 51)).any()
    where = [8, 8, 8]
    where[axis] -= round(voxels)
    np.testing.assert_array_equal(cubes[:, *where], np.arange(1, 51))


def test_relion_cuts_decimals_off_which_is_why_the_export_rounds(tmp_path):
    volume = np.zeros(SHAPE, np.float32)
    volume[20, 40, 30], volume[20, 40, 31] = 30, 31
    write_volume(tmp_path / "TS_01.mrc", volume, VOXEL_SIZE)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "TS_01_pick.star").write_text(
        "\ndata_\n\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n"
        "30.99 40.99 20.99\n"
    )
    particles = extract(tmp_path, ["TS_01"], tmp_path / "raw", VOXEL_SIZE, 16)
    assert boxes(tmp_path, particles)[0, 8, 8, 8] == 30
    found = {"TS_01": np.array([[20.4, 39.6, 30.99]]) * VOXEL_SIZE}
    output = export(tmp_path, found, VOXEL_SIZE, SHAPE)
    particles = extract(tmp_path, ["TS_01"], output, VOXEL_SIZE, 16)
    assert boxes(tmp_path, particles)[0, 8, 8, 8] == 31


def test_picks_on_the_faces_and_beyond_do_not_stop_the_job(tmp_path):
    rng = np.random.default_rng(0)
    volume = rng.normal(size=SHAPE).astype(np.float32)
    write_volume(tmp_path / "TS_01.mrc", volume, VOXEL_SIZE)
    last = np.array(SHAPE) - 1
    index_zyx = np.array([[0, 0, 0], last, [-0.4, 40, 50], last + 0.4, [99, 40, 50]])
    found = {"TS_01": index_zyx * VOXEL_SIZE}
    output = export(tmp_path, found, VOXEL_SIZE, SHAPE)
    particles = extract(tmp_path, ["TS_01"], output, VOXEL_SIZE, 16)
    inside = np.clip(np.rint(index_zyx), 0, last).astype(int)
    centres = boxes(tmp_path, particles)[:, 8, 8, 8]
    np.testing.assert_array_equal(centres, volume[tuple(inside.T)])


def test_a_pick_beyond_the_volume_would_stop_the_job(tmp_path):
    """What the export prevents: RELION ends all of a job at one such particle."""
    write_volume(tmp_path / "TS_01.mrc", np.ones(SHAPE, np.float32), VOXEL_SIZE)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "TS_01_pick.star").write_text(
        "\ndata_\n\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n"
        "50 40 20\n50 40 999\n"
    )
    with pytest.raises(AssertionError, match="ERROR"):
        extract(tmp_path, ["TS_01"], tmp_path / "raw", VOXEL_SIZE, 16)


def test_a_tomogram_without_picks_leaves_the_others_alone(tmp_path):
    index_zyx = random_indices(np.random.default_rng(1), 20, 16)
    names = ["TS_01", "TS_02", "TS_03"]
    for number, name in enumerate(names):
        volume = np.full(SHAPE, number, np.float32)
        write_volume(tmp_path / f"{name}.mrc", volume, VOXEL_SIZE)
    some = index_zyx * VOXEL_SIZE
    found = {"TS_01": some, "TS_02": np.empty((0, 3)), "TS_03": some}
    output = export(tmp_path, found, VOXEL_SIZE, SHAPE)
    particles = extract(tmp_path, names, output, VOXEL_SIZE, 16)
    assert list(particles.rlnMicrographName) == ["TS_01.mrc"] * 20 + ["TS_03.mrc"] * 20
    assert boxes(tmp_path, particles)[:, 8, 8, 8].tolist() == [0] * 20 + [2] * 20


def test_scores_come_through(tmp_path):
    write_volume(tmp_path / "TS_01.mrc", np.ones(SHAPE, np.float32), VOXEL_SIZE)
    index_zyx = random_indices(np.random.default_rng(2), 20, 16)
    found = {"TS_01": index_zyx * VOXEL_SIZE}
    output = export(tmp_path, found, VOXEL_SIZE, SHAPE, np.arange(20) / 32)
    particles = extract(tmp_path, ["TS_01"], output, VOXEL_SIZE, 16)
    scores = particles.rlnAutopickFigureOfMerit
    np.testing.assert_allclose(scores, np.arange(20) / 32, atol=1e-6)


def test_what_is_around_picks_comes_through(tmp_path):
    write_volume(tmp_path / "TS_01.mrc", np.ones(SHAPE, np.float32), VOXEL_SIZE)
    found = {"TS_01": np.array([[20, 40, 50], [30, 50, 60], [25, 40, 50]]) * VOXEL_SIZE}
    context = {
        "membrane": np.array([12.5, np.inf, 0.0]),
        "class_density": np.array([0.0, np.nan, 1910.0]),
    }
    output = export(tmp_path, found, VOXEL_SIZE, SHAPE, context=context)
    particles = extract(tmp_path, ["TS_01"], output, VOXEL_SIZE, 16)
    for column, values in zip(
        ("pickerMembraneDistance", "pickerClassDensity"), context.values(), strict=True
    ):
        np.testing.assert_array_equal(particles[column].to_numpy(float), values)


BOX = 32
PHANTOM = (64, 160, 176)
NUM_TOMOGRAMS, PER_TOMOGRAM = 12, 40
SPACING = 22.0  # of particles [voxels]; they are 18 wide
NOISE = 0.25  # standard deviation; the particle's highest voxel is 1.5
SIGMA = 1.3  # of a blob [voxels]
WEIGHTS = np.array([1.5, 1.0, 1.0, 1.2, 0.8, 1.0])
# x, y, z of six blobs [voxels]: no symmetry, and no mirror image like itself.
BLOBS_XYZ = 1.2 * np.array(
    [
        [0.0, 0.0, 0.0],
        [5.5, 0.0, 0.0],
        [0.0, 4.5, 0.0],
        [0.0, 0.0, 3.5],
        [-4.0, -4.0, 1.5],
        [3.0, -3.0, -4.5],
    ]
)
BLOBS_XYZ -= WEIGHTS @ BLOBS_XYZ / WEIGHTS.sum()  # the centre of mass is at 0

OFFSET = np.indices((BOX,) * 3) - BOX // 2
FAR = np.sqrt((OFFSET**2).sum(axis=0))


def drawn(shape, blobs_xyz):
    """Return a volume with one particle, exact at any position and orientation."""
    volume = np.zeros(shape)
    for (x, y, z), weight in zip(blobs_xyz, WEIGHTS, strict=True):
        where, waves = [], []
        for centre, length in zip((z, y, x), shape, strict=True):
            first = max(int(centre - 6 * SIGMA), 0)
            stop = min(int(centre + 6 * SIGMA) + 2, length)
            at = np.arange(first, stop)
            where.append(slice(first, stop))
            waves.append(np.exp(-0.5 * ((at - centre) / SIGMA) ** 2))
        volume[tuple(where)] += weight * np.einsum("i,j,k->ijk", *waves)
    return volume


TRUTH = drawn((BOX,) * 3, BLOBS_XYZ + BOX // 2)


def correlation(average, truth=TRUTH):
    """Return how alike two maps are within the sphere that fits the box."""
    inside = FAR <= BOX // 2 - 2
    return float(np.corrcoef(average[inside], truth[inside])[0, 1])


def centre_of_mass(average):
    """Return z, y, x of the particle from the box's centre [voxels]."""
    shell = (FAR > 12) & (FAR <= 14)
    weight = np.where(FAR <= 12, average - average[shell].mean(), 0)
    return (OFFSET * weight).sum(axis=(1, 2, 3)) / weight.sum()


class Phantoms:
    """Tomograms of one particle, as MRC files, with the truth."""

    def __init__(self, folder, seed, rotations=None):
        rng = np.random.default_rng(seed)
        self.folder = folder
        self.names = [f"TS_{number:02d}" for number in range(NUM_TOMOGRAMS)]
        number = NUM_TOMOGRAMS * PER_TOMOGRAM
        self.rotations = rotations or Rotation.from_quat(rng.normal(size=(number, 4)))
        self.index_zyx = {}
        for count, name in enumerate(self.names):
            index_zyx = self._places(rng)
            volume = NOISE * rng.standard_normal(PHANTOM)
            for number, index in enumerate(index_zyx, count * PER_TOMOGRAM):
                blobs = self.rotations[number].apply(BLOBS_XYZ)
                volume += drawn(PHANTOM, blobs + index[::-1])
            write_volume(folder / f"{name}.mrc", volume.astype(np.float32), VOXEL_SIZE)
            self.index_zyx[name] = index_zyx

    def _places(self, rng):
        """Return `(n, 3)` fractional indices that are apart and whole in a box."""
        margin = BOX / 2 + 1
        found = np.empty((0, 3))
        while len(found) < PER_TOMOGRAM:
            place = rng.uniform(margin, np.array(PHANTOM) - 1 - margin)
            if (np.linalg.norm(found - place, axis=1) > SPACING).all():
                found = np.vstack([found, place])
        return found

    def extract(self, off_zyx=(0, 0, 0), *, with_angles=False):
        """Return RELION's table of the boxes at the true places, moved by `off_zyx`."""
        found = {
            name: (index + off_zyx) * VOXEL_SIZE
            for name, index in self.index_zyx.items()
        }
        turned = self.rotations.as_matrix()[:, ::-1, ::-1]
        of_name = dict(zip(self.names, np.split(turned, NUM_TOMOGRAMS), strict=True))
        rotations = of_name if with_angles else None
        output = export(self.folder, found, VOXEL_SIZE, PHANTOM, rotations=rotations)
        return extract(
            self.folder,
            self.names,
            output,
            VOXEL_SIZE,
            BOX,
            *("--norm", "--bg_radius", 13, "--no_ramp"),
        )

    def average(self, rotations, off_zyx=(0, 0, 0)):
        return reconstruct(self.folder, self.extract(off_zyx), "average", rotations)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    """Particles in random places and poses."""
    return Phantoms(tmp_path_factory.mktemp("random"), seed=1)


@pytest.fixture(scope="module")
def right(phantoms):
    return phantoms.average(phantoms.rotations)


def test_the_average_is_the_particle_in_the_middle_of_the_box(right, record_property):
    alike, centre = correlation(right), centre_of_mass(right)
    record_property("correlation", alike)
    record_property("centre_of_mass", centre.tolist())
    assert alike > 0.98
    assert np.abs(centre).max() < 0.1
    # Neither the particle nor its average is like its mirror image.
    assert correlation(TRUTH, TRUTH[:, :, ::-1]) < 0.7
    assert correlation(right, TRUTH[:, :, ::-1]) < 0.7


def test_relion_averages_by_the_angles_of_picks(phantoms, right):
    """No angle is given to RELION but those that the export wrote."""
    alike = {}
    for with_angles in (True, False):
        particles = phantoms.extract(with_angles=with_angles)
        assert ("rlnAngleRot" in particles) == with_angles
        average = reconstruct(phantoms.folder, particles, f"angles_{with_angles}")
        alike[with_angles] = correlation(average)
    assert alike[True] == pytest.approx(correlation(right), abs=1e-3)
    assert alike[True] > 0.98
    assert alike[False] < 0.85


def test_wrong_angles_average_worse(phantoms, right):
    rotations = phantoms.rotations
    of_others = rotations[np.roll(np.arange(len(rotations)), 1)]
    for wrong in (rotations.inv(), of_others, None):
        average = phantoms.average(wrong)
        assert correlation(average) < 0.85
        assert correlation(average) < correlation(right) - 0.1


def test_picks_that_are_off_average_worse(phantoms, right):
    half, one = (
        correlation(phantoms.average(phantoms.rotations, [off] * 3)) for off in (0.5, 1)
    )
    assert one < half < correlation(right)
    assert one < 0.95


@pytest.mark.parametrize("off_zyx", [(0, 0, 0), (0, 0, 0.5), (0.5, 0, 0), (0, 1, 0)])
def test_particles_of_one_pose_show_by_how_much_picks_are_off(same_pose, off_zyx):
    """With one pose for all, an offset of the picks is not averaged away."""
    rotation = same_pose.rotations[0]
    average = same_pose.average(same_pose.rotations, off_zyx)
    expected_xyz = rotation.inv().apply(-np.array(off_zyx[::-1]))
    np.testing.assert_allclose(centre_of_mass(average), expected_xyz[::-1], atol=0.1)


@pytest.fixture(scope="module")
def same_pose(tmp_path_factory):
    one = Rotation.from_euler("ZYZ", [40, 65, -110], degrees=True)
    all_alike = Rotation.concatenate([one] * (NUM_TOMOGRAMS * PER_TOMOGRAM))
    return Phantoms(tmp_path_factory.mktemp("same"), seed=2, rotations=all_alike)


@pytest.mark.timeout(900)
def test_what_the_pipeline_exports_is_extracted_whole(tmp_path):
    """From simulated tomograms to RELION's boxes, every step as a user runs it."""
    few = {"labeled": 1, "unlabeled": 0, "test": 1}
    project = Project(
        tmp_path,
        SMALL
        | {
            "method": "supervised",
            "simulate": SMALL["simulate"] | few,
            # Not trained to speak of, but with every peak kept: picks are wherever.
            "burn_in": {"steps": 2, "warmup_steps": 1},
            "predict": SMALL["predict"] | {"min_score": 1e-6},
            "pick": {"thresholds": {"ribosome": 1e-6, "apo-ferritin": 1e-6}},
            "export": {"targets": ["relion3"]},
        },
    )
    project.succeed("--until", "export")
    simulated = project.path("simulated")
    names = ["sim_000", "sim_001"]
    volumes = {name: read_volume(simulated / f"{name}.mrc")[0] for name in names}
    total = 0
    for particle in ("ribosome", "apo-ferritin"):
        coordinates = project.path("supervised", "export", "relion3", particle)
        particles = extract(simulated, names, coordinates, 10.0, 8)
        expected = []
        for name in names:
            picks = read_picks(project.path("supervised", "picks", f"{name}.star"))
            for position in picks.of(particle).position_zyx:
                index = tuple(np.floor(position / 10.0 + 0.5).astype(int))
                expected.append((f"{name}.mrc", volumes[name][index]))
        assert list(particles.rlnMicrographName) == [name for name, _ in expected]
        centres = boxes(simulated, particles)[:, 4, 4, 4]
        np.testing.assert_array_equal(centres, [value for _, value in expected])
        total += len(expected)
    assert total > 10


def test_these_tests_ran_against_the_release_that_the_guide_names():
    assert "3.1.3" in relion(None, "reconstruct", "--version")


@pytest.mark.parametrize(
    ("target", "suffix"), [("autopick", "_autopick.star"), ("box", ".box")]
)
def test_particles_of_a_micrograph_lie_at_the_centre_of_their_boxes(
    tmp_path, target, suffix
):
    rng = np.random.default_rng(0)
    shape = (1, 200, 240)
    places = rng.permutation(np.indices((19, 23)).reshape(2, -1).T)[:100] * 10 + 10
    image = np.zeros(shape, np.float32)
    image[0, places[:, 0], places[:, 1]] = np.arange(1, 101)
    write_volume(tmp_path / "mic.mrc", image, 1.25)
    index_zyx = np.column_stack([np.zeros(100), places])
    index_zyx[:, 1:] += rng.uniform(-0.49, 0.49, (100, 2))
    found = {"mic": index_zyx * 1.25}
    output = export(tmp_path, found, 1.25, shape, target=target)
    particles = extract(tmp_path, ["mic"], output, 1.25, 16, suffix=suffix)
    assert particles.rlnImageName[0] == "000001@boxes/mic.mrcs"
    images = mrcfile.read(tmp_path / "boxes" / "mic.mrcs")
    assert images.shape == (100, 16, 16)
    np.testing.assert_array_equal(images[:, 8, 8], np.arange(1, 101))
