import gc
import weakref
from dataclasses import replace
from shutil import rmtree

import numpy as np
import pytest
import torch

from picker.config import (
    CalibrateSettings,
    ModelSettings,
    Particle,
    PredictSettings,
    PreprocessSettings,
)
from picker.finding.window_finder import WindowFinder
from picker.formats.picks.star import read_picks
from picker.formats.volumes.ome_zarr import read_volume, write_volume
from picker.jobs import products, shard_inputs
from picker.jobs.loaded import read_loaded
from picker.jobs.model_card import ModelCard, write_model
from picker.jobs.predict_shard import predict_shard
from picker.machine.signals import Interrupted
from picker.networks import build_model
from tests.unit.predicted import preprocessed

PARTICLES = (Particle(name="ribosome", radius=60),)
MODEL = ModelSettings(preset="small", widths=(4, 4), blocks=(1, 1))
SETTINGS = PredictSettings(window_zyx=(16, 16, 16), flips=False, min_score=0.0)


@pytest.fixture
def shard(tmp_path):
    """predict(calibration) on three tomograms, the second one damaged."""
    torch.manual_seed(0)
    model = build_model(MODEL, 1).eval()
    for parameter in model.parameters():  # untrained it says 0.02 everywhere
        torch.nn.init.normal_(parameter, std=0.5)
    card = ModelCard(
        stage="burn_in",
        method="supervised",
        particles=PARTICLES,
        model=MODEL,
        preprocess=PreprocessSettings(),
        training_voxel_size=10.0,
    )
    path = tmp_path / "model.safetensors"
    entries = []
    for i in range(3):
        volume = tmp_path / f"TS_{i}.zarr"
        data = np.random.default_rng(i).standard_normal((16, 16, 16))
        write_volume(volume, data.astype(np.float16), 10.0, {"fingerprint": str(i)})
        entries.append(preprocessed(f"TS_{i}", volume=volume, fingerprint=str(i)))
    (tmp_path / "TS_1.zarr" / "zarr.json").write_text("{")

    def predict(calibration=None, settings=SETTINGS, color="#000000", halves=None):
        colored = tuple(p.model_copy(update={"color": color}) for p in PARTICLES)
        write_model(path, model, card.model_copy(update={"particles": colored}))
        folder = tmp_path / "candidates"
        files = tmp_path / "predict.json"
        files.write_text(settings.model_dump_json())
        loaded = read_loaded([path], None, [files])
        return predict_shard(entries, folder, loaded, calibration, halves)

    predict.folder, predict.entries = tmp_path, entries
    return predict


def done(manifest):
    return [e for e in manifest.tomograms if e.state == "predicted"]


def test_one_that_cannot_be_read_is_recorded_and_the_others_go_on(shard):
    manifest = shard()
    assert [e.state for e in manifest.tomograms] == ["predicted", "failed", "predicted"]
    bad = manifest.tomograms[1]
    assert bad.retry
    assert "TS_1.zarr cannot be read" in bad.error
    assert "delete it, so that it is made again" in bad.error
    counts = [len(read_picks(e.candidates)) for e in done(manifest)]
    assert min(counts) > 0
    assert sum(manifest.histograms["ribosome"]) == sum(counts)


def test_one_that_cannot_be_computed_is_recorded_and_the_others_go_on(
    shard, monkeypatch, caplog
):
    candidates = WindowFinder.candidates

    def unlucky(self, volume, voxel_size, region=None):
        if unlucky.calls == 0:
            unlucky.calls += 1
            raise ZeroDivisionError("division by zero")
        return candidates(self, volume, voxel_size, region)

    unlucky.calls = 0
    monkeypatch.setattr(WindowFinder, "candidates", unlucky)
    manifest = shard()
    assert [e.state for e in manifest.tomograms] == ["failed", "failed", "predicted"]
    told = "TS_0.zarr: unexpected ZeroDivisionError (division by zero), a fault of this"
    assert told in manifest.tomograms[0].error
    assert "Traceback" in caplog.text


def test_a_request_to_stop_is_no_error_of_a_tomogram(shard, monkeypatch):
    def stopped(*arguments):
        raise Interrupted("stopped by SIGTERM", 15)

    monkeypatch.setattr(shard_inputs, "whole_volume", stopped)
    with pytest.raises(Interrupted):
        shard()
    monkeypatch.undo()
    monkeypatch.setattr(WindowFinder, "candidates", stopped)
    with pytest.raises(Interrupted):
        shard()


def test_a_chunk_that_is_gone_is_noticed(shard):
    (shard.folder / "TS_0.zarr" / "0" / "c" / "0" / "0" / "0").unlink()
    first = shard().tomograms[0]
    assert "1 of 1 chunks are missing" in first.error
    assert "delete it, so that it is made again" in first.error


def test_what_is_valid_is_not_computed_again(shard, monkeypatch):
    first = shard()

    def forbidden(*arguments):
        raise RuntimeError("computed again")

    monkeypatch.setattr(WindowFinder, "candidates", forbidden)
    assert shard() == first
    cpu = torch.device("cpu")
    monkeypatch.setattr("picker.jobs.loaded.choose_device", lambda _: cpu)
    elsewhere = SETTINGS.model_copy(update={"device": "cuda"})
    assert shard(settings=elsewhere, color="#ffffff") == first
    with pytest.raises(RuntimeError, match="computed again"):
        shard(settings=SETTINGS.model_copy(update={"min_score": 0.1}))


def test_the_manifest_changes_when_a_volume_does(shard):
    first = shard()
    entry = shard.entries[2]
    data = np.random.default_rng(9).standard_normal((16, 16, 16))
    write_volume(entry.volume, data.astype(np.float16), 10.0, {"fingerprint": "other"})
    bad = shard().tomograms[2]
    assert bad.retry
    assert "TS_2.zarr is not the volume that its manifest describes" in bad.error
    shard.entries[2] = replace(entry, fingerprint="other")
    keys = [[e.fingerprint for e in done(m)] for m in (first, shard())]
    assert keys[0][0] == keys[1][0]
    assert keys[0][1] != keys[1][1]


def test_what_cannot_be_written_fails_the_job(shard, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(products, "write_picks", full)
    with pytest.raises(OSError, match="No space left"):
        shard()


def test_what_cannot_be_copied_to_the_gpu_fails_the_job(shard, monkeypatch):
    def lost(self, volume):
        raise RuntimeError("CUDA error: the device is gone")

    monkeypatch.setattr(WindowFinder, "on_device", lost)
    with pytest.raises(shard_inputs.DeviceError, match="the device is gone"):
        shard()


def test_noisy_copies_differ_and_are_the_same_again(shard):
    settings = CalibrateSettings(noisy_copies=2)

    def scores():
        tomograms = done(shard(settings))
        return [read_picks(e.candidates).score.tolist() for e in tomograms]

    first = scores()
    assert len(first) == 4
    assert len({tuple(values) for values in first}) == 4
    for path in (shard.folder / "candidates").glob("*.star"):
        path.unlink()
    assert scores() == first
    plain = shard().tomograms[0]
    assert read_picks(plain.candidates).score.tolist() not in first


def with_halves(shard):
    """Give the first and the last tomogram halves; the second one stays damaged."""
    for i in (0, 2):
        noise = np.random.default_rng(9 + i).standard_normal((16, 16, 16))
        path = shard.folder / f"noise_{i}.zarr"
        of_it = {"fingerprint": shard.entries[i].fingerprint}
        write_volume(path, noise.astype(np.float16), 10.0, of_it)
        more = {"noise": path, "noise_spread": float(noise.std())}
        shard.entries[i] = replace(shard.entries[i], **more)


def test_halves_are_predicted_where_there_are_any_and_no_more_than_asked_for(shard):
    with_halves(shard)
    some = shard(halves=5).tomograms
    assert [(e.tomogram, e.half) for e in some] == [
        ("TS_0", "even"),
        ("TS_0", "odd"),
        ("TS_2", "even"),
        ("TS_2", "odd"),
    ]
    assert [e.candidates.name for e in some[:2]] == ["TS_0_even.star", "TS_0_odd.star"]
    assert shard(halves=1).tomograms == some[:2]
    keys = {e.fingerprint for e in (*some, *done(shard()))}
    assert len(keys) == 6


def test_a_half_is_the_volume_with_or_without_its_noise(shard, monkeypatch):
    with_halves(shard)
    seen = []

    def kept(self, volume, voxel_size, region=None):
        seen.append(np.array(volume, np.float32))
        return read_picks(first.candidates)

    first = shard().tomograms[0]
    monkeypatch.setattr(WindowFinder, "candidates", kept)
    shard(halves=1)
    entry = shard.entries[0]
    volume = np.array(read_volume(entry.volume)[0], np.float32)
    noise = np.array(read_volume(entry.noise)[0], np.float32)
    spread = (1 + entry.noise_spread**2) ** 0.5
    for half, sign in zip(seen, (1, -1), strict=True):
        assert half == pytest.approx((volume + sign * noise) / spread, abs=2e-3)


def test_a_half_whose_noise_is_gone_is_recorded(shard):
    with_halves(shard)
    rmtree(shard.entries[0].noise)
    tomograms = shard(halves=2).tomograms
    assert [e.state for e in tomograms] == ["failed"] * 2 + ["predicted"] * 2
    assert "noise_0.zarr" in tomograms[0].error


def test_a_half_whose_noise_was_made_again_since_is_recorded(shard):
    with_halves(shard)
    noise = read_volume(shard.entries[0].noise)[0][:]
    write_volume(shard.entries[0].noise, noise, 10.0, {"fingerprint": "another"})
    tomograms = shard(halves=2).tomograms
    assert [e.state for e in tomograms] == ["failed"] * 2 + ["predicted"] * 2
    assert "made again since; run again" in tomograms[0].error


def test_on_a_cpu_one_volume_is_in_memory_at_a_time(shard, monkeypatch):
    alive = []

    def counted(entry):
        gc.collect()
        assert not any(volume() is not None for volume in alive)
        volume = read_volume(entry.volume)[0]
        alive.append(weakref.ref(volume))
        return volume

    monkeypatch.setattr(shard_inputs, "whole_volume", counted)
    states = [e.state for e in shard().tomograms]
    assert states == ["predicted", "failed", "predicted"]
    assert len(alive) == 2
