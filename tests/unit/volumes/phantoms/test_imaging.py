from __future__ import annotations

import numpy as np
import pytest

from picker.volumes.phantoms.simulate import simulate_phantom, simulate_tomogram
from tests.unit.volumes.phantoms.test_simulate import PARTICLES, SMALL


def test_snr_sets_how_much_noise_there_is():
    # Same random numbers in all three, so only the amount of noise differs.
    volumes = {
        snr: simulate_tomogram(
            "t", 0, PARTICLES, SMALL.model_copy(update={"snr": (snr, snr)})
        )[0].volume
        for snr in (1e9, 4.0, 0.25)
    }
    alike = [
        float(np.corrcoef(volumes[1e9].ravel(), volumes[snr].ravel())[0, 1])
        for snr in (4.0, 0.25)
    ]
    assert alike[0] > alike[1] + 0.2


def test_particles_are_smoothed_as_noise_is():
    # Else whitening would find what no noise covers.
    def detail(snr):
        settings = SMALL.model_copy(update={"snr": (snr, snr)})
        volume = simulate_tomogram("t", 0, PARTICLES, settings)[0].volume
        power = np.abs(np.fft.fftn(volume)) ** 2
        grids = np.meshgrid(*map(np.fft.fftfreq, power.shape), indexing="ij")
        frequency = np.sqrt(sum(k**2 for k in grids))
        off = np.min(np.abs(grids), axis=0) > 0.1  # the step between faces lies on axes
        return power[off & (frequency > 0.4)].mean() / power[frequency < 0.4].mean()

    assert detail(1e9) < 1e-9
    assert detail(0.25) < 1e-9


@pytest.mark.parametrize(("axis", "is_missing"), [((1, 0), True), ((0, 1), False)])
def test_missing_wedge_is_about_y(axis, is_missing):
    settings = SMALL.model_copy(update={"missing_wedge": 40.0})
    tomogram, _ = simulate_tomogram("t", 0, PARTICLES, settings)
    power = np.abs(np.fft.fftn(tomogram.volume)) ** 2
    kz, ky, kx = np.meshgrid(*map(np.fft.fftfreq, power.shape), indexing="ij")
    along, across = (np.abs(kz), np.abs(kx)) if axis == (1, 0) else (abs(ky), abs(kx))
    size = np.sqrt(kz**2 + ky**2 + kx**2)
    # Uneven ice lies on the axes alone, outside of the wedge's reach.
    band = (size > 0.08) & (size < 0.2) & (across > 0)
    inside = band & (along > 3 * across) & (np.abs(ky if is_missing else kz) < 0.05)
    ratio = power[inside].mean() / power[band].mean()
    assert (ratio < 0.05) == is_missing


def test_halves_have_noise_of_their_own_and_leave_the_tomogram_as_it_is():
    settings = SMALL.model_copy(update={"halves": True, "snr": (0.05, 0.05)})
    plain = settings.model_copy(update={"halves": False})
    phantom = simulate_phantom("t", 0, PARTICLES, settings)
    before = simulate_phantom("t", 0, PARTICLES, plain)
    np.testing.assert_array_equal(phantom.tomogram.volume, before.tomogram.volume)
    assert before.noise is None
    volume, noise = phantom.tomogram.volume, phantom.noise
    clean = simulate_phantom(
        "t", 0, PARTICLES, plain.model_copy(update={"snr": (1e9, 1e9)})
    ).tomogram.volume
    # What neither ice nor particles explain: the noise of each half.
    design = np.column_stack([clean.ravel(), np.ones(clean.size)])
    even, odd = (
        half.ravel() - design @ np.linalg.lstsq(design, half.ravel(), rcond=None)[0]
        for half in (volume + noise, volume - noise)
    )
    assert abs(np.corrcoef(even, odd)[0, 1]) < 0.1
    assert even.std() == pytest.approx(odd.std(), rel=0.05)
    assert noise.std() == pytest.approx(((even + odd) / 2).std(), rel=0.1)
