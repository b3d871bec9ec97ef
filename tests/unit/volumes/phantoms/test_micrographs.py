import numpy as np
import pytest

from picker.config import Particle, SimulateSettings
from picker.volumes.phantoms.micrographs import carbon_film, simulate_micrograph
from picker.volumes.phantoms.simulate import clean_density

BALL = (Particle(name="apart", radius=60), Particle(name="ball", radius=90))
CLEAN = SimulateSettings(
    shape_zyx=(1, 96, 112), particles_per_class=3, snr=(1e9, 1e9), seed=3
)


def test_a_micrograph_is_a_volume_of_one_slice_with_truth_in_its_plane():
    micrograph, picks = simulate_micrograph("m", 0, BALL, CLEAN)
    assert micrograph.volume.shape == (1, 96, 112)
    assert micrograph.volume.dtype == np.float32
    assert micrograph.volume.mean() == pytest.approx(0, abs=1e-4)
    assert micrograph.volume.std() == pytest.approx(1, rel=1e-4)
    assert set(picks.particle) == {"apart", "ball"}
    assert (picks.position_zyx[:, 0] == 0).all()
    assert (picks.position_zyx[:, 1:] >= 0).all()
    assert (picks.position_zyx[:, 1:] <= np.array([95, 111]) * 10).all()


@pytest.mark.parametrize("index", range(3))
def test_picks_lie_at_the_centres_of_dark_projections(index):
    """Those whose surroundings are inside: a cut one has its centre elsewhere."""
    micrograph, picks = simulate_micrograph("m", index, BALL[:1], CLEAN)
    image = micrograph.volume[0]
    for centre in picks.position_zyx[:, 1:] / micrograph.voxel_size:
        reach = 8
        low = np.round(centre).astype(int) - reach
        if (low < 0).any() or (low + 2 * reach >= image.shape).any():
            continue
        away = np.linalg.norm(picks.position_zyx[:, 1:] / 10 - centre, axis=1)
        if np.sort(away)[1:2].min(initial=np.inf) < 16:
            continue
        part = -image[low[0] :, low[1] :][: 2 * reach + 1, : 2 * reach + 1]
        weight = np.maximum(part - 0.3 * part.max(), 0)
        offset = np.indices(part.shape).reshape(2, -1) @ weight.ravel() / weight.sum()
        assert np.linalg.norm(low + offset - centre) < 1.5


def test_particles_are_whole_along_z_however_thin_the_ice():
    """With more room above and below nothing of them is added."""
    kinds = (Particle(name="two_lobes", radius=90),)
    thin = CLEAN.model_copy(update={"particles_per_class": 8.0})

    def projected(above):
        rng = np.random.default_rng(0)
        density, _ = clean_density(rng, "t", kinds, thin, above=above)
        assert density.shape == (1 + 2 * above, 96, 112)
        return density.sum(axis=0)

    # 1.5 radii of 9 voxels, as micrographs have.
    np.testing.assert_allclose(projected(14), projected(30), atol=1e-4)
    assert projected(14).sum() > 5 * projected(0).sum()


def test_in_thin_ice_particles_lie_side_by_side_and_in_thick_ice_some_overlap():
    def nearest(depth):
        settings = SimulateSettings(shape_zyx=(depth, 96, 96), particles_per_class=12)
        found = []
        for index in range(3):
            _, picks = simulate_micrograph("m", index, BALL[1:], settings)
            gap = np.linalg.norm(
                picks.position_zyx[:, None] - picks.position_zyx, axis=2
            )
            np.fill_diagonal(gap, np.inf)
            found.append(gap.min())
        return min(found)

    assert nearest(1) >= 0.9 * 2 * 90 - 1e-6
    assert nearest(60) < 90


def test_more_noise_hides_particles():
    def contrast(snr):
        settings = CLEAN.model_copy(update={"snr": (snr, snr)})
        micrograph, picks = simulate_micrograph("m", 0, BALL, settings)
        y, x = np.round(picks.position_zyx[:, 1:] / 10).astype(int).T
        return -micrograph.volume[0, y, x].mean()

    assert contrast(10) > 2 * contrast(0.1) > 0


def test_seed_and_index_alone_decide():
    one, picks = simulate_micrograph("m", 1, BALL, CLEAN)
    same, same_picks = simulate_micrograph("other", 1, BALL, CLEAN)
    np.testing.assert_array_equal(one.volume, same.volume)
    np.testing.assert_array_equal(picks.position_zyx, same_picks.position_zyx)
    other, _ = simulate_micrograph("m", 2, BALL, CLEAN)
    assert not np.array_equal(one.volume, other.volume)


def test_membranes_and_gold_are_projected_too():
    settings = CLEAN.model_copy(
        update={"membranes": 4.0, "shape_zyx": (40, 96, 112), "seed": 5}
    )
    plain, _ = simulate_micrograph("m", 0, BALL, settings)
    bare, _ = simulate_micrograph(
        "m", 0, BALL, settings.model_copy(update={"membranes": 0.0})
    )
    assert plain.volume.shape == bare.volume.shape == (1, 96, 112)
    assert not np.array_equal(plain.volume, bare.volume)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"halves": True}, "simulate.halves is true, but micrographs have no halves"),
        ({"voxel_size": 70.0}, "radius of apart is 60.0 Å, expected at least"),
        ({"particles_per_class": 1e-9}, "no particle was placed in m"),
    ],
)
def test_settings_that_cannot_be(change, message):
    with pytest.raises(ValueError, match=message):
        simulate_micrograph("m", 0, BALL, CLEAN.model_copy(update=change))


def test_a_film_of_carbon_is_dark_and_changes_nothing_beside_it():
    settings = CLEAN.model_copy(update={"carbon": 2.0, "particles_per_class": 20.0})
    bare, all_picks = simulate_micrograph(
        "m", 0, BALL[1:], settings.model_copy(update={"carbon": 0.0})
    )
    covered, picks = simulate_micrograph("m", 0, BALL[1:], settings)
    film = carbon_film(0, settings)
    assert film.shape == (96, 112)
    assert 0.1 < film.mean() < 0.55
    assert not np.array_equal(film, carbon_film(1, settings))
    assert covered.volume.mean() == pytest.approx(0, abs=1e-4)
    assert covered.volume.std() == pytest.approx(1, rel=1e-4)
    ice, carbon = film < 1e-3, film > 0.999
    # Of ice only mean and scale have changed.
    line = np.polyfit(bare.volume[0][ice], covered.volume[0][ice], 1)
    fitted = np.polyval(line, bare.volume[0])
    np.testing.assert_allclose(covered.volume[0][ice], fitted[ice], atol=0.01)
    darker = (fitted - covered.volume[0])[carbon] / line[0]
    assert darker.mean() == pytest.approx(2, rel=0.1)
    assert darker.std() == pytest.approx(1, rel=0.2)
    at = (picks.position_zyx / 10).round().astype(int)
    assert 0 < len(picks) < len(all_picks)
    assert (film[at[:, 1], at[:, 2]] < 0.5).all()
