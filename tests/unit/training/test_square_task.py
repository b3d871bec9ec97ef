from dataclasses import replace
from functools import partial

import numpy as np
import torch

from picker.config import (
    AugmentSettings,
    BurnInSettings,
    SlicesSettings,
    TrainSettings,
)
from picker.config.detr import DenoisingSettings, DetrSettings
from picker.machine.processes import num_processes, shared_out
from picker.networks.detr.transformer import DetectionTransformer
from picker.networks.yolo import SliceYolo
from picker.training.detr.losses import square_losses
from picker.training.detr.targets import truths_of
from picker.training.slices import SliceDataset
from picker.training.square_targets import filled
from picker.training.square_task import SquareTask
from picker.training.yolo import yolo_losses
from tests.unit.machine.test_processes import in_processes
from tests.unit.training.test_loop import blobs

TINY = DetrSettings(
    edge=32,
    channels=3,
    widths=(8, 16),
    width=16,
    feedforward=16,
    heads=2,
    decoder_layers=1,
    queries=6,
)
SHARED = TrainSettings(
    num_workers=0, augment=AugmentSettings(intensity=0), centered_fraction=1.0
)


def task(denoising=0, source=None):
    torch.manual_seed(0)
    model = DetectionTransformer(TINY, 1)
    noise = DenoisingSettings(number=denoising)
    losses = partial(square_losses, num_particles=1, denoising=noise)
    return task_of(model, losses, source)


def yolo(source=None):
    torch.manual_seed(0)
    model = SliceYolo(SlicesSettings(edge=32, context=1, widths=(8, 16), width=16), 1)
    return task_of(model, yolo_losses, source)


def task_of(model, losses, source):
    patches = SliceDataset(
        [source or blobs(0)],
        SHARED,
        *("fine_tune", "upicker.network.edge"),
        batch_size=2,
        edge=32,
        channels=3,
    )
    return SquareTask("fine_tune", BurnInSettings(), model, patches, 3, losses, 0.0)


def gradients(one):
    """Return a step's gradients by weight, as the loop adds them up."""
    student = shared_out(one.model.train())
    loss = sum(one.losses(student, one.patches[0], 0).values())
    (num_processes() * loss).backward()
    return {name: weight.grad for name, weight in one.model.named_parameters()}


def share(rank, folder):
    torch.save([gradients(task()), gradients(yolo())], folder / f"{rank}.pt")
    # One of the processes has a patch without any particle, and waits for no other.
    some = blobs(0)
    none = replace(some, index_zyx=np.zeros((0, 3)), particle=np.zeros(0, np.int64))
    own = none if rank else some
    for found in (gradients(task(4, own)), gradients(yolo(own))):
        assert all(gradient is not None for gradient in found.values())


def test_two_processes_have_the_gradients_of_one(tmp_path):
    whole = [gradients(task()), gradients(yolo())]
    in_processes(share, tmp_path)
    for rank in (0, 1):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for some, all_wanted in zip(found, whole, strict=True):
            for name, wanted in all_wanted.items():
                torch.testing.assert_close(some[name], wanted, rtol=1e-3, atol=1e-5)


def test_noise_depends_on_the_step_alone():
    one, batch = task(denoising=4), task().patches[0]
    one.model.eval()
    first, same, other = (
        one.losses(one.model, batch, step)["denoising_loss"].item()
        for step in (3, 3, 4)
    )
    assert first == same != other


def test_what_fills_a_batch_is_no_truth():
    targets = [
        torch.tensor([[1.0, 0.2, 0.3, 0.1], [0, 0.5, 0.6, 0.2]]),
        torch.zeros(0, 4),
    ]
    first, second = truths_of(filled(targets))
    assert first.particle.tolist() == [1, 0]
    torch.testing.assert_close(first.squares, targets[0][:, 1:])
    assert len(second.particle) == 0
