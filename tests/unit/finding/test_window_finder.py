import gc
import weakref
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from picker.config import ModelSettings, Particle, PredictSettings
from picker.finding.window_finder import SMALL_WINDOW, WINDOW, heatmap_finder
from picker.networks import build_model

CPU = torch.device("cpu")
FULL = torch.OutOfMemoryError("CUDA out of memory")


class Darkness(nn.Module):
    """Logits that follow the density: local, so windows must not matter."""

    alignment, stride = 2, 2

    def forward(self, patch):
        pooled = nn.functional.avg_pool3d(patch, 2)
        return torch.cat([pooled, -pooled], dim=1)


def predictor(model, **values):
    settings = PredictSettings(
        **{"window_zyx": (16, 24, 32), "precision": "float32"} | values
    )
    particles = (Particle(name="a", radius=60), Particle(name="b", radius=90))
    return heatmap_finder(model, particles, settings, CPU)


def whole(model, volume):
    even = np.pad(volume, [(0, s % 2) for s in volume.shape], mode="edge")
    with torch.inference_mode():
        return model(torch.from_numpy(even)[None, None])[0].sigmoid()


@pytest.mark.parametrize(
    "shape", [(16, 24, 32), (21, 50, 71), (40, 33, 90), (9, 8, 15)]
)
@pytest.mark.parametrize("flips", [False, True])
def test_windows_equal_the_whole_for_a_local_model(shape, flips):
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = predictor(Darkness(), flips=flips, halo=4).heatmap(volume)
    torch.testing.assert_close(found, whole(Darkness(), volume))


def test_beyond_the_halo_windows_equal_the_whole_network():
    torch.manual_seed(0)
    settings = ModelSettings(preset="small", widths=(4, 6), blocks=(1, 1))
    model = build_model(settings, 2).eval()
    for parameter in model.parameters():  # untrained it says 0.02 everywhere
        nn.init.normal_(parameter, std=0.3)
    volume = np.random.default_rng(0).normal(size=(24, 121, 90)).astype(np.float32)
    expected = whole(model, volume)
    # The deepest voxel depends on input at most 20 voxels away.
    for halo, same in ((20, True), (0, False)):
        cut = predictor(model, flips=False, window_zyx=(24, 80, 80), halo=halo)
        close = torch.allclose(cut.heatmap(volume), expected, atol=1e-5)
        assert close == same


def test_in_half_precision_odd_sizes_give_nearly_the_same():
    torch.manual_seed(0)
    settings = ModelSettings(preset="small", widths=(4, 6), blocks=(1, 1))
    model = build_model(settings, 2).eval()
    for parameter in model.parameters():  # untrained it says 0.02 everywhere
        nn.init.normal_(parameter, std=0.3)
    volume = np.random.default_rng(0).normal(size=(9, 31, 15)).astype(np.float16)
    given = {"window_zyx": (16, 24, 24), "halo": 4}
    half = predictor(model, precision="bfloat16", **given).heatmap(volume)
    full = predictor(model, precision="float32", **given).heatmap(volume)
    assert half.dtype == full.dtype == torch.float32
    assert full.std() > 0.1
    assert 0 < (half - full).abs().max() < 0.01


def test_memory_is_given_back_after_each_window(monkeypatch):
    calls = []
    monkeypatch.setattr(
        "picker.finding.window_finder.give_back_freed_memory", lambda: calls.append(1)
    )
    cut = predictor(Darkness(), window_zyx=(16, 16, 32), halo=0)
    cut.heatmap(np.zeros((16, 32, 32), np.float32))
    assert len(calls) == 2


def test_weights_are_in_memory_once():
    model = Darkness()
    alive = weakref.ref(model)
    found = predictor(model)
    del model
    gc.collect()
    assert alive() is None
    assert found.model.stride == 2


@pytest.mark.parametrize(
    ("widths", "precision", "expected"),
    [
        ((32, 4), "bfloat16", WINDOW),
        ((33, 4), "bfloat16", SMALL_WINDOW),
        ((32, 4), "float32", SMALL_WINDOW),
    ],
)
def test_networks_whose_features_take_more_have_smaller_windows(
    widths, precision, expected
):
    model = build_model(ModelSettings(widths=widths, blocks=(1, 1)), 2)
    found = predictor(model, window_zyx=None, precision=precision)
    assert found.window_zyx == expected
    assert predictor(model).window_zyx == (16, 24, 32)


class SmallMemory(Darkness):
    """A model that a GPU of little memory would run out of."""

    seen: ClassVar[list[int]] = []  # also by copies

    def __init__(self, voxels, error=FULL):
        super().__init__()
        self.voxels, self.error = voxels, error

    def forward(self, patch):
        self.seen.append(patch.numel())
        if patch.numel() > self.voxels:
            raise self.error
        return super().forward(patch)


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        RuntimeError("GET was unable to find an engine to execute this computation"),
    ],
)
def test_out_of_memory_takes_smaller_windows_from_then_on(caplog, error):
    volume = np.random.default_rng(0).normal(size=(16, 48, 64)).astype(np.float32)
    model = SmallMemory(16 * 24 * 32, error)
    chosen = predictor(model, window_zyx=(16, 48, 64), flips=False, halo=2)
    torch.testing.assert_close(chosen.heatmap(volume), whole(Darkness(), volume))
    assert "do not fit" in caplog.text
    model.seen.clear()
    chosen.heatmap(volume)
    assert max(model.seen) <= model.voxels  # the second tomogram does not try again


@pytest.mark.parametrize("memory", [31, 33])
def test_a_volume_too_large_for_the_gpu_or_its_rest_stays(monkeypatch, memory):
    volume = np.random.default_rng(0).normal(size=(16, 24, 32)).astype(np.float16)
    chosen = predictor(Darkness(), flips=False)
    tried = []

    def full(stream):
        tried.append(stream)
        raise FULL

    monkeypatch.setattr(chosen, "_copying", object())
    monkeypatch.setattr(torch.cuda, "stream", full)
    monkeypatch.setattr(
        torch.cuda, "mem_get_info", lambda device: (0, memory * volume.nbytes)
    )
    assert chosen.on_device(volume) is volume
    assert bool(tried) == (memory > 32)
    expected = whole(Darkness(), volume.astype(np.float32))
    torch.testing.assert_close(chosen.heatmap(volume), expected)


def test_out_of_memory_with_the_smallest_window_is_an_error():
    volume = np.zeros((16, 16, 16), np.float32)
    with pytest.raises(torch.OutOfMemoryError):
        predictor(SmallMemory(1), flips=False).heatmap(volume)


def test_another_error_of_the_network_is_none_of_memory():
    model = SmallMemory(1, RuntimeError("expected other sizes"))
    with pytest.raises(RuntimeError, match="other sizes"):
        predictor(model, flips=False).heatmap(np.zeros((16, 16, 16), np.float32))


class Diverged(Darkness):
    """What weights that are too large make of an image."""

    def forward(self, patch):
        logits = super().forward(patch)
        logits[..., 0] = torch.inf
        return logits - torch.inf


def test_a_model_that_computes_no_numbers_is_an_error_and_no_tomogram_without_picks():
    volume = np.zeros((16, 16, 16), np.float32)
    assert len(predictor(Darkness()).candidates(volume, 10.0))
    with pytest.raises(ValueError, match="heatmap has values that are not numbers"):
        predictor(Diverged()).candidates(volume, 10.0)
