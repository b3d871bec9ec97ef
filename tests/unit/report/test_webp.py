"""One writer of gray pictures."""

import io

import numpy as np
from PIL import Image

from picker.report.webp import small_webp


def test_noise_fits_into_the_bytes_that_are_left():
    noise = np.random.default_rng(0).integers(0, 255, (450, 450), np.uint8)
    small, large = small_webp(noise, 60_000), small_webp(noise, 200_000)
    assert len(small) < 60_000 < len(large) < 200_000
    assert small_webp(noise, 60_000) == small
    seen = np.asarray(Image.open(io.BytesIO(large)).convert("L")).astype(float)
    assert np.corrcoef(seen.ravel(), noise.ravel())[0, 1] > 0.3
