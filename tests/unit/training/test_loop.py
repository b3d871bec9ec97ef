import copy
import csv
import logging
import multiprocessing
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from picker.config import (
    AugmentSettings,
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
from picker.finding.window_finder import WindowFinder
from picker.machine.signals import Interrupted, StopRequest
from picker.networks import build_model
from picker.training import loop
from picker.training.checkpoint import load_checkpoint
from picker.training.co_training import CoTraining, unlabeled_weight_at
from picker.training.losses import HeatmapLoss
from picker.training.optimizer import Adam
from picker.training.partial_loss import PartialLoss
from picker.training.patches import PatchDataset
from picker.training.source import PatchSource
from picker.training.supervised import SegmentationLoss, Supervised
from picker.training.task import learning_rate_at

SHARED = TrainSettings(
    patch_zyx=(16, 24, 24),
    num_workers=0,
    precision="float32",
    checkpoint_every=10,
    augment=AugmentSettings(intensity=0.3, dropblock=True),
)


def blobs(seed):
    """A tomogram with dark balls of radius 4 in mild noise."""
    rng = np.random.default_rng(seed)
    shape = (20, 40, 44)
    volume = rng.normal(scale=0.3, size=shape).astype(np.float32)
    index = np.array([[6, 8, 9], [13, 30, 34], [9, 28, 8], [12, 10, 36]], float)
    grid = np.indices(shape)
    for centre in index:
        distance = np.sqrt(((grid - centre[:, None, None, None]) ** 2).sum(0))
        volume[distance < 4] -= 2
    return PatchSource(
        name=f"t{seed}",
        volume=volume,
        index_zyx=index,
        particle=np.zeros(4, np.int64),
        radius=np.array([4.0]),
    )


def unlabeled(seed):
    labeled = blobs(seed)
    return PatchSource(
        name=labeled.name,
        volume=labeled.volume,
        index_zyx=np.zeros((0, 3)),
        particle=np.zeros(0, np.int64),
        radius=labeled.radius,
    )


GOLDEN = (0.0141282, 0.0377706)


def small_model():
    torch.manual_seed(0)
    return build_model(ModelSettings(preset="small", widths=(8, 8), blocks=(1, 1)), 1)


def train(folder, settings, shared=SHARED, model=None, key="k", stop=None, **more):
    return loop.train(
        task(settings, shared, model or small_model()),
        shared,
        device=torch.device("cpu"),
        checkpoint=folder / "state.pt",
        log=folder / "log.tsv",
        key=key,
        stop=stop,
        **more,
    )


def task(settings, shared, model):
    gaussians = Gaussians(sigma_per_radius=shared.sigma_per_radius)
    loss = HeatmapLoss(background_weight=shared.background_weight)
    if isinstance(settings, CoTrainSettings):
        sources = [unlabeled(1), unlabeled(2)]
        data = PatchDataset([blobs(0)], sources, shared, "co_train", gaussians)
        return CoTraining("co_train", settings, model, data, loss)
    data = PatchDataset([blobs(0)], [], shared, "burn_in", gaussians)
    decay = settings.ema_decay
    partial = PartialLoss(loss, PartialSettings())
    return Supervised("burn_in", settings, model, data, partial, decay)


def rows(folder):
    with (folder / "log.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture
def one_thread():
    """Sums in the same order, however many processors there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Twins(PatchDataset):
    """Each batch is one patch of each kind, as often as it has patches."""

    def __getitem__(self, step):
        def twins(patches):
            return patches[:1].expand(len(patches), -1, -1, -1, -1)

        batch = super().__getitem__(step)
        return replace(
            batch,
            labeled=twins(batch.labeled),
            target=twins(batch.target),
            weak=twins(batch.weak),
            strong=twins(batch.strong),
        )


@pytest.mark.parametrize("kind", [BurnInSettings, CoTrainSettings])
def test_a_batch_in_parts_gives_the_same_gradients(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("tests.unit.training.test_loop.PatchDataset", Twins)
    seen, weights, losses = {1: [], 2: []}, [], []
    for accumulate, sizes in seen.items():
        model = small_model()
        model.register_forward_hook(  # the teacher's copy has it too
            lambda module, given, _, sizes=sizes: (
                sizes.append(len(given[0])) if module.training else None
            )
        )
        folder = tmp_path / str(accumulate)
        folder.mkdir()
        shared = SHARED.model_copy(update={"accumulate": accumulate})
        train(folder, kind(steps=4), shared, model)
        weights.append(dict(model.named_parameters()))
        losses.append(float(rows(folder)[0]["loss"]))
    whole = 4 if kind is CoTrainSettings else 2
    assert seen == {1: 4 * [whole], 2: 8 * [whole // 2]}
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-4, atol=1e-5)
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_a_patch_too_large_for_the_gpu_says_what_to_set(tmp_path):
    model = small_model()

    def refuse(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    model.register_forward_pre_hook(refuse)
    with pytest.raises(ValueError, match=r"2 patches of \(16, 24, 24\).*accumulate"):
        train(tmp_path, BurnInSettings(steps=2), model=model)


def test_schedule_warms_up_and_falls_along_a_cosine():
    settings = BurnInSettings(
        steps=110, learning_rate=1.0, warmup_steps=10, final_learning_rate=0.1
    )
    assert learning_rate_at(0, settings) == pytest.approx(0.1)
    assert learning_rate_at(9, settings) == pytest.approx(1.0)
    assert learning_rate_at(60, settings) == pytest.approx(0.55)
    assert learning_rate_at(110, settings) == pytest.approx(0.1)


def test_unlabeled_weight_ramps_up():
    settings = CoTrainSettings(ramp_up_steps=4, unlabeled_weight=2.0)
    weights = [unlabeled_weight_at(step, settings) for step in (0, 1, 3, 50)]
    assert weights == [0.5, 1.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("widths", "precision", "expected"),
    [
        ((8, 8), "auto", torch.bfloat16),  # deepest map of 16x24x24 voxels: 4x6x6
        ((8, 8, 8), "auto", torch.float32),  # 2x3x3, no wider than a kernel
        ((8, 8, 8), "bfloat16", torch.bfloat16),
        ((8, 8), "float32", torch.float32),
    ],
)
def test_small_deep_maps_train_in_float32_on_a_cpu(
    tmp_path, monkeypatch, widths, precision, expected
):
    monkeypatch.setattr("picker.machine.precision._has_amx", lambda: True)
    settings = ModelSettings(preset="small", widths=widths, blocks=(1,) * len(widths))
    model = build_model(settings, 1)
    seen = []
    model.head.register_forward_hook(lambda *call: seen.append(call[-1].dtype))
    shared = SHARED.model_copy(update={"precision": precision})
    train(tmp_path, BurnInSettings(steps=1), shared, model)
    assert seen == [expected]


def test_burn_in_learns(tmp_path, monkeypatch):
    # One step's loss says little.
    monkeypatch.setattr("picker.training.loop.LOG_EVERY", 1)
    train(tmp_path, BurnInSettings(steps=75, warmup_steps=5, learning_rate=5e-3))
    loss = [float(row["loss"]) for row in rows(tmp_path)]
    assert np.mean(loss[50:]) < 0.4 * np.mean(loss[:25])


def test_the_log_has_a_row_every_25_steps_and_one_at_the_end(tmp_path):
    train(tmp_path, BurnInSettings(steps=60))
    assert [row["step"] for row in rows(tmp_path)] == ["25", "50", "60"]


class KilledError(Exception):
    pass


def killed_at(monkeypatch, number):
    """Let training end within a step, without a word."""
    real = Adam.step
    calls = []

    def step(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == number:
            raise KilledError
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Adam, "step", step)


@pytest.mark.parametrize(
    "settings",
    [BurnInSettings(steps=30), CoTrainSettings(steps=30, ramp_up_steps=5)],
    ids=["burn_in", "co_train"],
)
def test_a_resumed_run_ends_bit_equal_to_an_uninterrupted_one(
    tmp_path, settings, monkeypatch
):
    whole = train(tmp_path / "whole", settings).state_dict()
    with monkeypatch.context() as patch:
        killed_at(patch, 17)
        with pytest.raises(KilledError):
            train(tmp_path / "cut", settings)
    resumed = train(tmp_path / "cut", settings).state_dict()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


class Killed(BaseException):
    """As by kill -9: nothing is written any more."""


class KillAfter(StopRequest):
    """Kill the training once it has done so many steps, a minute each."""

    def __init__(self, steps):
        super().__init__()
        self.steps, self.done = steps, 0

    def __bool__(self):
        self.done += 1
        if self.done == self.steps:
            raise Killed
        return False


@pytest.mark.parametrize(
    ("every", "minutes", "most"), [(10, 1000, 10), (1000, 5, 6), (7, 5, 6)]
)
def test_a_kill_loses_no_more_than_the_steps_or_minutes_between_checkpoints(
    tmp_path, monkeypatch, every, minutes, most
):
    settings = CoTrainSettings(steps=25, warmup_steps=5)
    update = {"checkpoint_every": every, "checkpoint_minutes": minutes}
    shared = SHARED.model_copy(update=update)
    for steps in np.random.default_rng(0).integers(most + 1, 25, 2).tolist():
        stop = KillAfter(steps)
        monkeypatch.setattr("time.monotonic", lambda stop=stop: 60.0 * stop.done)
        folder = tmp_path / f"{steps}"
        with pytest.raises(Killed):
            train(folder, settings, shared, stop=stop)
        kept = load_checkpoint(folder / "state.pt")["step"]
        assert steps - most <= kept < steps


def test_other_settings_do_not_resume(tmp_path, caplog):
    train(tmp_path, BurnInSettings(steps=10), key="a")
    with caplog.at_level(logging.INFO):
        train(tmp_path, BurnInSettings(steps=10), key="b")
    assert "starts again from the beginning" in caplog.text


def test_switches_of_the_ablation_change_the_result(tmp_path):
    base = CoTrainSettings(steps=12, ramp_up_steps=2, ema_decay=0.5)
    variants = {
        "all": (base, SHARED),
        "no_teacher": (base.model_copy(update={"mean_teacher": False}), SHARED),
        "one_view": (base.model_copy(update={"multi_view": False}), SHARED),
        "no_dropblock": (
            base,
            SHARED.model_copy(
                update={
                    "augment": SHARED.augment.model_copy(update={"dropblock": False})
                }
            ),
        ),
    }
    weights = {
        name: train(tmp_path / name, settings, shared).state_dict()["head.weight"]
        for name, (settings, shared) in variants.items()
    }
    for name in ("no_teacher", "one_view", "no_dropblock"):
        assert not torch.equal(weights[name], weights["all"]), name
    # Whoever is not averaged is the result, and the one that learned.
    assert not torch.equal(
        weights["no_teacher"], small_model().state_dict()["head.weight"]
    )


def test_garbage_gradients_never_reach_the_weights(tmp_path, monkeypatch, caplog):
    def infinite(parameters, limit):
        return torch.tensor(float("inf"))

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", infinite)
    with pytest.raises(ValueError, match=r"no finite gradient; set train\.precision"):
        train(tmp_path, BurnInSettings(steps=50))
    assert caplog.text.count("gradient not finite") == 20


def test_the_next_batch_is_made_before_the_step_that_waits_for_a_gpu(
    tmp_path, monkeypatch
):
    made, order = loop.batches, []

    def batches(*given):
        for batch in made(*given):
            order.append("batch")
            yield batch

    step = Adam.step
    monkeypatch.setattr(loop, "batches", batches)
    monkeypatch.setattr(
        Adam, "step", lambda *given: (order.append("step"), step(*given))
    )
    train(tmp_path, BurnInSettings(steps=3))
    assert order == ["batch", "batch", "step", "batch", "step", "step"]


def test_golden_losses(tmp_path, one_thread):
    """Twenty seeded steps give the recorded losses: a refactor proves itself."""
    train(tmp_path, BurnInSettings(steps=20, warmup_steps=5))
    burn_in = float(rows(tmp_path)[-1]["loss"])
    train(tmp_path / "co", CoTrainSettings(steps=20, ramp_up_steps=5, warmup_steps=5))
    co_train = float(rows(tmp_path / "co")[-1]["loss"])
    assert (burn_in, co_train) == pytest.approx(GOLDEN, rel=2e-3)


class StopAfter(StopRequest):
    """Asks to stop at the given look at it, as a signal would."""

    def __init__(self, looks):
        self.looks = looks

    def __bool__(self):
        self.looks -= 1
        if self.looks == 0:
            self.number = signal.SIGUSR1
        return super().__bool__()


@pytest.mark.parametrize(
    "settings",
    [BurnInSettings(steps=30), CoTrainSettings(steps=30, ramp_up_steps=5)],
    ids=["burn_in", "co_train"],
)
def test_stopped_by_a_signal_it_loses_no_step(tmp_path, settings):
    whole = train(tmp_path / "whole", settings).state_dict()
    with pytest.raises(Interrupted, match=r"stopped by SIGUSR1 at step 7 of 30") as at:
        train(tmp_path, settings, stop=StopAfter(7))
    assert at.value.exit_status == 128 + signal.SIGUSR1
    assert load_checkpoint(tmp_path / "state.pt")["step"] == 7
    resumed = train(tmp_path, settings).state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


class SignalToTheLoaders(StopRequest):
    """Slurm sends a job's signals to each of its processes."""

    looks = 0
    signaled = 0

    def __bool__(self):
        self.looks += 1
        for child in multiprocessing.active_children() if self.looks == 3 else ():
            os.kill(child.pid, signal.SIGTERM)
            os.kill(child.pid, signal.SIGUSR1)
            self.signaled += 1
        return False


def test_processes_that_load_do_not_die_of_signals_to_the_whole_job(tmp_path):
    shared = SHARED.model_copy(update={"num_workers": 1})
    stop = SignalToTheLoaders()
    train(tmp_path, BurnInSettings(steps=30), shared, stop=stop)
    assert (stop.looks, stop.signaled) == (30, 1)
    assert rows(tmp_path)[-1]["step"] == "30"


def test_a_signal_at_the_last_step_comes_too_late_to_stop(tmp_path):
    train(tmp_path, BurnInSettings(steps=5), stop=StopAfter(5))


def test_a_kill_while_validating_loses_neither_step_nor_score(tmp_path):
    class KilledError(Exception):
        pass

    def killed(model):
        raise KilledError

    shared = SHARED.model_copy(update={"validate_every": 25})
    settings = BurnInSettings(steps=30)
    with pytest.raises(KilledError):
        train(tmp_path, settings, shared, validate=killed)
    assert load_checkpoint(tmp_path / "state.pt")["step"] == 20
    shared = shared.model_copy(update={"checkpoint_every": 25})
    with pytest.raises(KilledError):
        train(tmp_path, settings, shared, validate=killed)
    train(tmp_path, settings, shared, validate=lambda model: 0.5)
    assert [row["validation_f1"] for row in rows(tmp_path)] == ["0.5", "0.5"]


def test_a_finished_stage_run_again_only_writes_its_log_again(tmp_path):
    train(tmp_path, BurnInSettings(steps=10))
    before = (tmp_path / "log.tsv").read_text()
    (tmp_path / "log.tsv").unlink()
    train(tmp_path, BurnInSettings(steps=10))
    assert (tmp_path / "log.tsv").read_text() == before


@pytest.mark.parametrize("network", ["fpn", "vnet", "deepfindet"])
def test_every_network_learns_to_find_blobs(tmp_path, network):
    torch.manual_seed(0)
    settings = ModelSettings(preset="small", widths=(8, 8), blocks=(1, 1))
    model = build_model(settings, 1, network)
    segments = network == "deepfindet"
    encoding = Spheres() if segments else Gaussians()
    data = PatchDataset(
        [blobs(0)], [], SHARED, "burn_in", encoding, stride=model.stride
    )
    heatmaps = PartialLoss(HeatmapLoss(background_weight=4.0), PartialSettings())
    of_heatmap = SegmentationLoss() if segments else heatmaps
    burn_in = BurnInSettings(
        steps=50, warmup_steps=5, learning_rate=1e-2, ema_decay=0.8
    )
    one = Supervised("burn_in", burn_in, model, data, of_heatmap, burn_in.ema_decay)

    def loss(model):
        model.train()
        with torch.no_grad():
            return one.losses(model, data[999], 0)["labeled_loss"]

    before = loss(model).item()
    model = loop.train(
        one,
        SHARED,
        device=torch.device("cpu"),
        checkpoint=tmp_path / "state.pt",
        log=tmp_path / "log.tsv",
    )
    assert loss(copy.deepcopy(model)).item() < 0.5 * before
    new = blobs(7)
    finder = WindowFinder(
        model=model,
        encoding=encoding,
        particles=(Particle(name="blob", radius=40),),
        settings=PredictSettings(window_zyx=(20, 40, 44), flips=False),
        device=torch.device("cpu"),
    )
    picks = finder.candidates(new.volume, 10.0)
    best = picks.position_zyx[: len(new.index_zyx)] / 10
    away = np.linalg.norm(new.index_zyx[:, None] - best[None], axis=2)
    assert (away.min(axis=1) < 2).all()
