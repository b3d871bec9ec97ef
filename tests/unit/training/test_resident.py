"""Patches made where the volumes lie; on a CPU they are those that are cut there."""

import dataclasses
import logging

import numpy as np
import pytest
import torch

from picker.config import (
    AugmentSettings,
    BurnInSettings,
    CoTrainSettings,
    TrainSettings,
)
from picker.encodings.heatmap import Gaussians
from picker.formats.volumes.ome_zarr import open_volume, write_volume
from picker.machine.processes import any_process
from picker.training import loading, resident
from picker.training.checkpoint import load_checkpoint
from picker.training.halves import MoreNoise, with_noise
from picker.training.loading import batches
from picker.training.patches import PatchDataset
from picker.training.plan import made
from picker.training.resident import ResidentVolumes, resident_volumes, size
from picker.training.source import Noise, PatchSource
from picker.volumes.halves import half
from tests.unit.training.test_loop import KillAfter, Killed, train

CPU = torch.device("cpu")
SHAPE = (70, 40, 52)


@pytest.fixture
def room(monkeypatch):
    """Memory for volumes, as on a GPU."""
    monkeypatch.setattr(resident, "room_on", lambda device: 2**30)


def stored(folder, name, seed, spread=1.0):
    data = spread * np.random.default_rng(seed).standard_normal(SHAPE, np.float32)
    write_volume(folder / name, data.astype(np.float16), 10.0, {})
    return open_volume(folder / name)[0]


def source(folder, number, *, labeled, **more):
    rng = np.random.default_rng(number)
    num = 9 if labeled else 0
    noise = stored(folder, f"noise_{number}.zarr", 50 + number, 0.7)
    return PatchSource(
        name=f"t{number}",
        volume=stored(folder, f"t{number}.zarr", number),
        index_zyx=rng.random((num, 3)) * SHAPE,
        particle=np.arange(num) % 2,
        radius=np.array([4.0, 6.0]),
        noise=Noise(noise, 0.7),
        **more,
    )


def dataset(folder, halves="none", shape=(24, 32, 32), **augment):
    inside = np.zeros(SHAPE, bool)
    inside[:, 10:] = True
    labeled = [
        source(folder, 0, labeled=True, region=inside),
        source(folder, 1, labeled=True, hidden=np.array([20.0, np.nan])),
    ]
    # A partial tomogram is among the unlabeled ones too, opened once more.
    again = dataclasses.replace(labeled[1], volume=open_volume(folder / "t1.zarr")[0])
    settings = TrainSettings(
        patch_zyx=shape, batch_size=4, augment=AugmentSettings(**augment)
    )
    unlabeled = [source(folder, 2, labeled=False), again]
    return PatchDataset(
        labeled, unlabeled, settings, "co_train", Gaussians(), halves=halves
    )


def assert_equal(one, other):
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert (a is None) == (b is None), field.name
        assert a is None or torch.equal(a.nan_to_num(9), b.nan_to_num(9)), field.name


@pytest.mark.parametrize(
    "more",
    [
        {"intensity": 0, "dropblock": False},
        {"intensity": 0.8, "restandardise": True, "shape": (24, 28, 36)},
        {"halves": "opposite", "real_noise": 0.7},
        {"halves": "mixed", "labeled_intensity": False, "rotate": False},
    ],
)
def test_batches_are_those_of_the_cpu(tmp_path, more):
    data = dataset(tmp_path, **more)
    volumes = ResidentVolumes(data.boxes, CPU)
    for step in range(6):
        assert_equal(made(data.plan(step), volumes), data[step])


def test_a_box_is_turned_and_flipped_as_numpy_does(tmp_path):
    data = dataset(tmp_path)
    volumes = ResidentVolumes(data.boxes, CPU)
    rng, seen = np.random.default_rng(0), set()
    for _ in range(150):
        symmetry = data.boxes.symmetry(rng)
        corner = data.boxes.anywhere(data.labeled[0], rng)
        box = data.boxes.box(data.labeled[0].volume, corner, symmetry)
        assert torch.equal(volumes.cut(box), data.boxes.cut(box))
        seen.add((*box.flips, box.turns))
    assert len(seen) == 16


def test_noise_is_mixed_in_as_halves_are_made():
    patch, noise = np.random.default_rng(0).standard_normal(
        (2, 1, 8, 9, 10), np.float32
    )
    for factor in (1, -1, 0.3):
        found = with_noise(
            torch.from_numpy(patch),
            torch.from_numpy(noise),
            MoreNoise(None, 0.7, factor),
        )
        assert np.array_equal(found.numpy(), half(patch, noise, 0.7, factor))


def test_several_processes_make_the_patches_of_one(tmp_path):
    data = dataset(tmp_path, real_noise=0.5)
    volumes = ResidentVolumes(data.boxes, CPU)
    for step in range(4):
        data.share = range(4)
        whole = made(data.plan(step), volumes)
        for rank in range(2):
            data.share = range(rank, 4, 2)
            part = made(data.plan(step), volumes)
            for name in ("labeled", "weak", "strong", "target"):
                torch.testing.assert_close(
                    getattr(part, name), getattr(whole, name)[rank::2]
                )


def test_a_volume_lies_there_once_and_unused_noise_does_not(tmp_path):
    one = 2 * int(np.prod(SHAPE))
    data = dataset(tmp_path)
    volumes = ResidentVolumes(data.boxes, CPU)
    assert len({v.data_ptr() for v in volumes.volumes}) == 3
    assert {v.dtype for v in volumes.volumes} == {torch.float16}
    assert size(data.boxes) == 3 * one
    # Both unlabeled tomograms have noise; with real_noise the labeled ones' too.
    assert size(dataset(tmp_path, halves="mixed").boxes) == 5 * one
    assert size(dataset(tmp_path, real_noise=0.1).boxes) == 6 * one


def test_what_does_not_fit_is_cut_on_the_cpu(tmp_path, monkeypatch, caplog):
    data = dataset(tmp_path)
    assert resident_volumes(data, CPU) is None
    needed = size(data.boxes)
    for most, lies_there in ((needed, True), (needed - 1, False)):
        monkeypatch.setattr(resident, "room_on", lambda device, most=most: most)
        with caplog.at_level(logging.INFO):
            caplog.clear()
            assert (resident_volumes(data, CPU) is not None) == lies_there
        assert ("patches are cut on the CPU" in caplog.text) != lies_there
        assert ("reading onto cpu: 3 volumes" in caplog.text) == lies_there
    monkeypatch.setattr(resident, "room_on", lambda device: 2**30)
    data.settings = data.settings.model_copy(update={"resident": "never"})
    assert resident_volumes(data, CPU) is None


def test_too_little_free_memory_says_what_to_set(tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(resident, "_moved", full)
    with pytest.raises(ValueError, match=r"0\.0 GB .*set train\.resident: never"):
        ResidentVolumes(dataset(tmp_path).boxes, CPU)


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_come_from_plans_in_the_order_of_the_steps(tmp_path, room, workers):
    data = dataset(tmp_path)
    data.settings = data.settings.model_copy(update={"num_workers": workers})
    found = list(batches(data, 3, 6, CPU))
    assert data.boxes.cache.used == 0  # nobody has cut from the chunks on disk
    assert len(found) == 3
    for step, batch in enumerate(found, 3):
        assert_equal(batch, data[step])


def test_few_processes_plan_and_all_cut(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(loading, "useful_workers", lambda device: 15)
    monkeypatch.setattr(
        loading,
        "_ahead",
        lambda data, steps, device, useful: asked.append((type(data), useful)) or [],
    )
    for most in (2**30, 0):
        monkeypatch.setattr(resident, "room_on", lambda device, most=most: most)
        list(batches(dataset(tmp_path), 0, 3, CPU))
    assert asked == [(loading.Plans, 4), (PatchDataset, 15)]


def test_a_stage_that_has_ended_reads_no_volume(tmp_path, room, monkeypatch):
    monkeypatch.setattr(resident, "_moved", None)
    assert list(batches(dataset(tmp_path), 6, 6, CPU)) == []


@pytest.mark.parametrize("kind", [BurnInSettings, CoTrainSettings])
def test_a_training_resumes_as_if_it_had_not_stopped(tmp_path, room, kind):
    settings = kind(steps=24)
    whole = train(tmp_path / "whole", settings).state_dict()
    with pytest.raises(Killed):
        train(tmp_path / "cut", settings, stop=KillAfter(17))
    assert load_checkpoint(tmp_path / "cut" / "state.pt")["step"] == 10
    resumed = train(tmp_path / "cut", settings).state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_one_process_asks_no_device_whether_to_stop():
    nowhere = torch.device("meta")
    assert any_process(True, nowhere) is True
    assert any_process(False, nowhere) is False
