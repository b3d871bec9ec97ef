"""What runs otherwise on a GPU; left out where there is none."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from picker.config import (
    BurnInSettings,
    CoTrainSettings,
    ModelSettings,
    PartialSettings,
    Particle,
    PredictSettings,
    TrainSettings,
)
from picker.encodings.heatmap import Gaussians
from picker.encodings.spheres import Spheres
from picker.finding.window_finder import heatmap_finder
from picker.formats.picks.star import read_picks
from picker.formats.volumes.ome_zarr import write_volume
from picker.jobs.loaded import read_loaded
from picker.jobs.model_card import ModelCard, write_model
from picker.jobs.predict_shard import predict_shard
from picker.networks import build_model
from picker.networks.encoder import MaxPool
from picker.training.co_training import CoTraining
from picker.training.loading import batches
from picker.training.loop import train
from picker.training.losses import HeatmapLoss
from picker.training.partial_loss import PartialLoss
from picker.training.patches import PatchDataset
from picker.training.source import PatchSource
from picker.training.supervised import SegmentationLoss, Supervised
from tests.unit.predicted import preprocessed
from tests.unit.training.test_loop import KillAfter, Killed

pytestmark = pytest.mark.gpu

PARTICLES = (Particle(name="a", radius=60), Particle(name="b", radius=90))
NETWORKS = ["unet", "fpn", "vnet", "deepfindet", "deepfindet_published", "resunet"]


def model_with_peaks(network="unet", preset="small", **values):
    torch.manual_seed(0)
    settings = ModelSettings(preset=preset, **values)
    model = build_model(settings, len(PARTICLES), network).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.3)
    return model


def predictor(model, device, **values):
    settings = PredictSettings(**{"flips": False, "min_score": 0.0} | values)
    device = torch.device(device)
    model = copy.deepcopy(model).to(device)
    return heatmap_finder(model, PARTICLES, settings, device)


@pytest.fixture
def exact():
    """Convolutions in float32, not in the shorter TF32."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize("shape", [(32, 64, 64), (33, 70, 49)])
@pytest.mark.parametrize("network", NETWORKS)
def test_the_heatmap_is_that_of_a_cpu(network, shape, flips, exact):
    model = model_with_peaks(network)
    volume = np.random.default_rng(0).standard_normal(shape).astype(np.float16)
    found = {
        device: predictor(model, device, flips=flips, precision="float32").heatmap(
            volume.astype(np.float32)
        )
        for device in ("cpu", "cuda")
    }
    assert found["cpu"].std() > 1e-4
    torch.testing.assert_close(found["cuda"].cpu(), found["cpu"], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("preset", ["small", "full"])
def test_kernels_that_do_several_steps_answer_as_single_ones(preset):
    """In bfloat16 against float32: what the shorter numbers cost, and no more."""
    model = model_with_peaks(preset=preset)
    volume = np.random.default_rng(0).standard_normal((64, 96, 98)).astype(np.float16)
    exactly = predictor(model, "cuda", precision="float32").heatmap(volume)
    shorter = predictor(model, "cuda", precision="bfloat16").heatmap(volume)
    there = torch.from_numpy(volume).cuda().float()[None, None]
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
        single = (model.cuda()(there)[0].float().sigmoid() - exactly).abs()
    several = (shorter - exactly).abs()
    assert exactly.std() > 1e-4
    assert several.mean() < 1.5 * single.mean()
    assert several.max() < 2 * single.max()


def test_a_volume_copied_before_gives_the_same_and_another_thread_may_copy_it():
    model = model_with_peaks()
    here = predictor(model, "cuda")
    volumes = [
        np.random.default_rng(i).standard_normal((32, 64, 66)).astype(np.float16)
        for i in range(4)
    ]
    expected = [here.heatmap(volume) for volume in volumes]
    copied = [here.on_device(volume) for volume in volumes]
    assert all(v.is_cuda and v.dtype == torch.float16 for v in copied)
    for volume, heatmap in zip(copied, expected, strict=True):
        assert torch.equal(here.heatmap(volume), heatmap)


def test_a_shard_has_the_candidates_of_its_tomograms_one_by_one(tmp_path):
    model = model_with_peaks()
    here = predictor(model, "cuda", min_score=0.02)
    write_model(
        tmp_path / "m.safetensors",
        model,
        ModelCard(
            stage="burn_in",
            method="supervised",
            particles=PARTICLES,
            model=ModelSettings(preset="small"),
            preprocess={},
            training_voxel_size=10.0,
        ),
    )
    entries, volumes = [], []
    for i in range(12):
        volume = tmp_path / f"TS_{i}.zarr"
        data = np.random.default_rng(i).standard_normal((32, 64, 66), np.float32)
        volumes.append(data.astype(np.float16))
        write_volume(volume, volumes[-1], 10.0, {"fingerprint": str(i)})
        entries.append(preprocessed(f"TS_{i}", volume=volume, fingerprint=str(i)))
    loaded = read_loaded([tmp_path / "m.safetensors"], None, [])
    loaded = replace(loaded, finder=here)
    predict_shard(entries, tmp_path / "c", loaded)
    for i, volume in enumerate(volumes):
        one = here.candidates(volume, 10.0)
        found = read_picks(tmp_path / "c" / f"TS_{i}.star")
        assert len(found) == len(one) > 10
        np.testing.assert_allclose(found.score, one.score, atol=1e-4)


@pytest.mark.parametrize("edge", [2, 3])
def test_maxima_taken_axis_by_axis_are_those_of_a_cube(edge):
    pool = MaxPool(edge)
    for shape in [(8, 9, 12), (1, 2, 5)]:
        features = torch.randn(2, 4, *shape, device="cuda", requires_grad=True)
        found = pool(features)
        with torch.no_grad():
            assert torch.equal(found, pool(features))
        (gradient,) = torch.autograd.grad(found.square().sum(), features)
        here = features.detach().cpu().requires_grad_()
        (expected,) = torch.autograd.grad(pool(here).square().sum(), here)
        torch.testing.assert_close(gradient.cpu(), expected)


def source(seed, *, labeled):
    rng = np.random.default_rng(seed)
    volume = rng.standard_normal((32, 48, 48), np.float32)
    index = rng.uniform(4, 28, (6, 3)) if labeled else np.zeros((0, 3))
    return PatchSource(
        name=f"t{seed}",
        volume=volume,
        index_zyx=index,
        particle=np.arange(len(index)) % 2,
        radius=np.array([4.0, 6.0]),
    )


def trained(folder, network, co_train, preset, resident="auto", stop=None):
    """Return the weights after some steps."""
    shared = TrainSettings(
        patch_zyx=(32, 32, 32), num_workers=2, resident=resident, checkpoint_every=3
    )
    kind = CoTrainSettings if co_train else BurnInSettings
    name = "co_train" if co_train else "burn_in"
    torch.manual_seed(0)
    model = build_model(ModelSettings(preset=preset), 2, network)
    encoding = Spheres() if network.startswith("deepfindet") else Gaussians()
    dataset = PatchDataset(
        [source(0, labeled=True)],
        [source(1, labeled=False)] if co_train else [],
        shared,
        name,
        encoding,
        stride=model.stride,
    )
    settings = kind(steps=8, warmup_steps=2)
    loss = HeatmapLoss(background_weight=shared.background_weight)
    alone = (
        SegmentationLoss()
        if network.startswith("deepfindet")
        else PartialLoss(loss, PartialSettings())
    )
    task = (
        CoTraining(name, settings, model, dataset, loss)
        if co_train
        else Supervised(name, settings, model, dataset, alone, settings.ema_decay)
    )
    result = train(
        task,
        shared,
        device=torch.device("cuda"),
        checkpoint=folder / "state.pt",
        log=folder / "log.tsv",
        stop=stop,
    )
    return [value.cpu() for value in result.state_dict().values()]


@pytest.mark.parametrize(
    ("network", "co_train", "preset"),
    [
        *[(network, False, "small") for network in NETWORKS],
        ("unet", True, "small"),
        ("unet", False, "full"),
        ("unet", True, "full"),
    ],
)
def test_the_same_seed_gives_the_same_weights(tmp_path, network, co_train, preset):
    one, other = (
        trained(tmp_path / str(i), network, co_train, preset) for i in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_patches_cut_on_the_cpu_give_the_same_weights_twice_too(tmp_path):
    one, other = (
        trained(tmp_path / str(i), "unet", True, "small", "never") for i in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("co_train", [False, True])
def test_a_resumed_training_ends_as_an_uninterrupted_one(tmp_path, co_train):
    given = "unet", co_train, "small"
    whole = trained(tmp_path / "whole", *given)
    with pytest.raises(Killed):
        trained(tmp_path / "cut", *given, stop=KillAfter(5))
    resumed = trained(tmp_path / "cut", *given)
    assert all(torch.equal(a, b) for a, b in zip(whole, resumed, strict=True))


def test_patches_are_made_on_the_gpu_as_on_a_cpu(tmp_path):
    device = torch.device("cuda")
    half = [
        replace(one, volume=one.volume.astype(np.float16))
        for one in (source(0, labeled=True), source(1, labeled=False))
    ]
    settings = TrainSettings(patch_zyx=(24, 32, 32), batch_size=4, num_workers=2)
    data = PatchDataset(half[:1], half[1:], settings, "co_train", Gaussians())
    twice = [list(batches(data, 0, 12, device)) for _ in range(2)]
    noisy = 0
    for step, (one, again) in enumerate(zip(*twice, strict=True)):
        here, plan = data[step], data.plan(step)
        assert one.labeled.is_cuda
        assert torch.equal(one.target.cpu(), here.target)
        assert torch.equal(one.weak.cpu(), here.weak)
        for name in ("labeled", "strong"):
            assert torch.equal(getattr(one, name), getattr(again, name))
            there = getattr(one, name).cpu()
            pairs = zip(there, getattr(here, name), getattr(plan, name), strict=True)
            for found, expected, view in pairs:
                if view.changes.noise is None:
                    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
                else:
                    noisy += 1
                    near = {"rtol": 0.03, "atol": 0.03}
                    torch.testing.assert_close(found.std(), expected.std(), **near)
    assert noisy > 20


def test_no_step_waits_for_the_gpu_while_a_batch_is_made():
    settings = TrainSettings(patch_zyx=(24, 32, 32), num_workers=0)
    sources = source(0, labeled=True), source(1, labeled=False)
    data = PatchDataset(*([one] for one in sources), settings, "s", Gaussians())
    coming = batches(data, 0, 9, torch.device("cuda"))
    next(coming)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert len(list(coming)) == 8
    finally:
        torch.cuda.set_sync_debug_mode("default")
