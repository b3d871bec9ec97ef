from functools import partial

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from picker.averaging.rotations import even_rotations
from picker.finding import matching
from picker.finding.matching import bank_of, best_match
from picker.finding.templates import soft_mask, template_from_map, turned
from tests.unit.finding.particle import RADIUS, density, density_map

CPU = torch.device("cpu")
STEP, NUM = 30.0, 550  # degrees, and how many rotations are that far apart
VOXEL = 20.0  # Å
SHAPE, PLACE = (24, 27, 30), np.array([10, 14, 12])
TURN = Rotation.from_rotvec([0.9, -0.4, 1.3]).as_matrix()


@pytest.fixture(scope="module")
def templates():
    template = template_from_map(density_map(), RADIUS, 50.0, VOXEL)
    size = soft_mask(1.2 * RADIUS / VOXEL).shape[0]
    return partial(
        turned,
        template,
        size=size,
        voxel_size=VOXEL,
        max_tilt=60.0,
        device=CPU,
    )


@pytest.fixture(scope="module")
def bank(templates):
    mask = torch.from_numpy(soft_mask(1.2 * RADIUS / VOXEL))
    return bank_of(templates, even_rotations(NUM), mask)


@pytest.fixture(scope="module")
def volume():
    """A turned particle in noise, both without a wedge about z."""
    rng = np.random.default_rng(3)
    found = density(SHAPE, PLACE, TURN, VOXEL) + rng.normal(0, 0.4, SHAPE)
    spectrum = np.fft.fftn(found)
    k_z, k_x = (np.abs(np.fft.fftfreq(SHAPE[axis])) for axis in (0, 2))
    lost = k_z[:, None, None] > np.tan(np.deg2rad(60)) * k_x + 1e-6
    spectrum[np.broadcast_to(lost, SHAPE)] = 0
    found = np.fft.ifftn(spectrum).real
    return torch.from_numpy((found - found.mean()).astype(np.float32))


def correlations(volume, place, templates, mask):
    """Return Pearson's correlation with each rotation at a place, as it is defined."""
    rim = mask.shape[0] // 2
    around = volume[tuple(slice(p - rim, p + rim + 1) for p in place)].double()
    weight = mask.double() / mask.double().sum()
    a = around - (weight * around).sum()
    found = []
    for batch in templates(even_rotations(NUM)):
        for one in batch.double():
            b = one - (weight * one).sum()
            norm = ((weight * a**2).sum() * (weight * b**2).sum()).sqrt()
            found.append(float((weight * a * b).sum() / norm))
    return np.array(found)


def test_a_turned_particle_in_noise_is_found(volume, bank, templates):
    match = best_match(volume, bank).numpy()
    top = np.array(np.unravel_index(match.argmax(), SHAPE))
    assert (top == PLACE).all()
    best = correlations(volume, top, templates, bank.mask).argmax()
    away = Rotation.from_matrix(even_rotations(NUM)[best].T @ TURN).magnitude()
    assert np.rad2deg(away) <= STEP


def test_a_match_is_the_best_correlation(volume, bank, templates):
    match = best_match(volume, bank)
    for place in (PLACE, np.add(PLACE, [3, -2, 1]), [13, 8, 19]):
        expected = correlations(volume, place, templates, bank.mask).max()
        # 1% of the templates' squares is not in the mixtures.
        assert float(match[tuple(place)]) == pytest.approx(expected, abs=0.03)
    assert float(match.abs().max()) <= 1


def test_few_mixtures_hold_all_rotations(bank):
    assert len(bank.mixture) == NUM > 4 * len(bank.basis)


def test_more_rotations_than_are_decomposed_are_all_mixed(
    templates, bank, volume, monkeypatch
):
    monkeypatch.setattr(matching, "MOST_SAMPLED", NUM // 2)
    fine = bank_of(templates, even_rotations(NUM), bank.mask)
    assert fine.mixture.shape == (NUM, len(fine.basis))
    found, expected = best_match(volume, fine), best_match(volume, bank)
    torch.testing.assert_close(found, expected, atol=0.03, rtol=0)


@pytest.mark.parametrize("is_local", [True, False])
def test_scale_and_offset_change_nothing(volume, bank, is_local):
    before = best_match(volume, bank, is_local=is_local)
    changed = 40 * volume
    if is_local:
        # Beyond the faces the volume is 0 all the same, so look at the middle.
        changed += 20
    after = best_match(changed, bank, is_local=is_local)
    rim = bank.mask.shape[0] // 2
    middle = tuple(slice(rim, -rim) for _ in SHAPE)
    torch.testing.assert_close(after[middle], before[middle], atol=1e-3, rtol=0)


def test_contrast_of_a_part_counts_only_globally(volume, bank):
    brighter = volume.clone()
    brighter[:, 12:] *= 5
    place = (12, 20, 15)  # all that its template sees is brighter
    local = [float(best_match(v, bank)[place]) for v in (volume, brighter)]
    assert local[1] == pytest.approx(local[0], abs=1e-3)
    overall = [
        float(best_match(v, bank, is_local=False)[place]) for v in (volume, brighter)
    ]
    assert overall[1] > 1.3 * overall[0] > 0


def test_a_corner_does_not_match_by_its_few_voxels(volume, bank):
    noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    match = best_match(noise, bank)
    rim = bank.mask.shape[0] // 2
    middle = match[tuple(slice(rim, -rim) for _ in SHAPE)]
    corners = match[::23, ::26, ::29]
    assert corners.shape == (2, 2, 2)
    assert corners.max() < middle.max()


@pytest.mark.parametrize("is_local", [True, False])
def test_tiles_are_the_whole(volume, bank, is_local):
    whole = best_match(volume, bank, is_local=is_local)
    tiles = best_match(volume, bank, is_local=is_local, tile=17)
    torch.testing.assert_close(tiles, whole, atol=1e-4, rtol=0)


def test_nothing_matches_where_nothing_varies(volume, bank):
    assert not best_match(torch.zeros(SHAPE), bank).any()
    half = volume.clone()
    half[:, :, 14:] = 0
    match = best_match(half, bank)
    assert match.isfinite().all()
    assert match[12, 13, 22:].abs().max() < 1e-5  # rounding
