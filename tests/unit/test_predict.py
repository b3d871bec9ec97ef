import numpy as np
import pytest
import torch
from torch import nn

from picker.config import ModelSettings, Particle, PredictSettings
from picker.models import build_model
from picker.predict import (
    candidates_from_heatmap,
    choose_device,
    predict_heatmap,
    window_starts,
)

CPU = torch.device("cpu")


class Darkness(nn.Module):
    """Logits that follow the density: local, so windows must not matter."""

    def forward(self, patch):
        pooled = nn.functional.avg_pool3d(patch, 2)
        return torch.cat([pooled, -pooled], dim=1)


def settings(**values):
    return PredictSettings(
        **{"window_zyx": (16, 24, 32), "precision": "float32"} | values
    )


@pytest.mark.parametrize(
    ("size", "window", "overlap"),
    [(64, 64, 0.25), (65, 64, 0.25), (184, 90, 0.25), (630, 96, 0.5), (20, 64, 0.25)],
)
def test_windows_cover_an_axis_and_overlap_enough(size, window, overlap):
    starts = window_starts(size, window, overlap)
    covered = np.zeros(size, int)
    for start in starts:
        covered[start : start + window] += 1
    assert covered.min() >= 1
    assert starts[-1] + window >= size
    assert max(np.diff(starts), default=0) <= max(8, window * (1 - overlap))


@pytest.mark.parametrize(
    "shape", [(16, 24, 32), (21, 50, 71), (40, 33, 90), (9, 8, 15)]
)
@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_blended_windows_equal_the_whole_for_a_local_model(shape, flips, batch_size):
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = predict_heatmap(
        Darkness(), volume, 2, settings(flips=flips, batch_size=batch_size), CPU
    )
    even = np.pad(volume, [(0, s % 2) for s in shape], mode="edge")
    whole = Darkness()(torch.from_numpy(even)[None, None])[0].sigmoid()
    torch.testing.assert_close(found, whole, rtol=1e-5, atol=1e-5)


def test_network_in_windows_is_close_to_the_network_on_the_whole():
    torch.manual_seed(0)
    model = build_model(ModelSettings(preset="small", widths=(4, 6), blocks=(1, 1)), 2)
    volume = np.random.default_rng(0).normal(size=(32, 64, 80)).astype(np.float32)
    model.eval()
    cut = predict_heatmap(model, volume, 2, settings(window_zyx=(32, 48, 48)), CPU)
    whole = predict_heatmap(model, volume, 2, settings(window_zyx=(32, 64, 80)), CPU)
    assert (cut - whole).abs().mean() < 0.01 * whole.mean()


def test_candidates_are_in_angstrom_and_inside():
    particles = (Particle(name="a", radius=60), Particle(name="b", radius=90))
    heatmap = torch.zeros(2, 6, 10, 15)
    heatmap[0, 2, 4, 6] = 0.9
    heatmap[1, 5, 9, 14] = 0.5  # the output voxel that an odd size only half fills
    picks = candidates_from_heatmap(heatmap, particles, 10.0, (11, 19, 29), settings())
    assert picks.particle.tolist() == ["a", "b"]
    np.testing.assert_allclose(picks.position_zyx[0], [45, 85, 125])
    np.testing.assert_allclose(picks.position_zyx[1], [100, 180, 280])
    np.testing.assert_allclose(picks.score, [0.9, 0.5])


def test_asking_for_a_gpu_that_is_not_there_says_so():
    if torch.cuda.is_available():
        assert choose_device("cuda").type == "cuda"
    else:
        with pytest.raises(ValueError, match="torch sees no GPU; set device: auto"):
            choose_device("cuda")
