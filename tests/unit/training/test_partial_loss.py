import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from picker.config import AugmentSettings, PartialSettings, TrainSettings
from picker.encodings.heatmap import Gaussians
from picker.training.batch import Batch
from picker.training.losses import HeatmapLoss, reweighted_mse
from picker.training.partial_loss import PartialLoss
from picker.training.patches import PatchDataset
from picker.training.source import PatchSource
from tests.unit.machine.test_processes import in_processes

FOUND = [0.5, 0.2, 0.4, 0.0]
"""At a label, beside it, and twice where no label is."""


def row(*values):
    return torch.tensor([[[[values]]]], dtype=torch.float32)


def batch(hidden=0.1, target=(1, 0, 0, 0), near=(1, 1, 0, 0), is_open=(0, 0, 1, 1)):
    nothing = torch.empty((0, 1, 1, 1, 4))
    return Batch(
        labeled=row(0, 0, 0, 0),
        target=row(*target),
        weak=nothing,
        strong=nothing,
        labeled_region=row(*near),
        open=row(*is_open),
        hidden_mean=torch.tensor([[hidden]]),
    )


def partial_loss(kind, momentum=0.0, weight=1.0, **more):
    settings = PartialSettings(loss=kind, momentum=momentum, weight=weight)
    return PartialLoss(HeatmapLoss(background_weight=4.0), settings, **more)


def divergence(wanted, mean):
    return wanted * math.log(wanted / mean) + (1 - wanted) * math.log(
        (1 - wanted) / (1 - mean)
    )


PARTICLE = 0.5**2
EMPTY = PARTICLE + 4 * (0.2**2 + 0.4**2) / 3


@pytest.mark.parametrize(
    ("kind", "hidden", "expected"),
    [
        ("none", 0.1, PARTICLE + 4 * 0.2**2),
        ("empty", 0.1, EMPTY),
        # the mean is .2 where no label is
        ("count", 0.1, EMPTY + 2 * divergence(0.1, 0.2)),
        ("count", 0.2, EMPTY),
        # .2 particles in two voxels, each adding .5² as the label does
        ("non_negative", 0.1, PARTICLE + 4 * (0.2**2 + (0.4**2 - 0.2 * 0.5**2)) / 3),
        # 1.6 particles would add more than there is: the sign is turned
        ("non_negative", 0.8, PARTICLE + 4 * (0.2**2 - (0.4**2 - 1.6 * 0.5**2)) / 3),
        # of a class whose number nobody knows
        ("count", math.nan, EMPTY),
        ("non_negative", math.nan, EMPTY),
    ],
)
def test_table_of_losses(kind, hidden, expected):
    loss = partial_loss(kind, weight=2.0)(row(*FOUND), batch(hidden))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def gradient_of(loss, given, found=FOUND):
    heatmap = row(*found).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(heatmap, given), heatmap)
    return gradient.flatten()


def test_too_few_particles_raise_the_heatmap_where_no_label_is_and_too_many_lower_it():
    empty = gradient_of(partial_loss("empty"), batch())
    for hidden, sign in ((0.4, -1), (0.2, 0), (0.05, 1)):
        more = gradient_of(partial_loss("count"), batch(hidden)) - empty
        assert more[:2].tolist() == [0, 0]
        slope = (0.2 - hidden) / (0.2 * 0.8) / 2
        assert more[2:].tolist() == pytest.approx([slope, slope], abs=1e-5)
        assert np.sign(round(more[2].item(), 5)) == sign


def test_a_risk_below_zero_is_raised():
    empty = gradient_of(partial_loss("empty"), batch())
    fine = gradient_of(partial_loss("non_negative"), batch(0.1))
    # Less background: each label stands for .2 others.
    added = 4 * 2 * 0.5 / 3
    less = [-0.2 * added, 0, 0, 0]
    assert (fine - empty).tolist() == pytest.approx(less, abs=1e-5)
    turned = gradient_of(partial_loss("non_negative"), batch(0.8))
    assert turned[2].item() == pytest.approx(-empty[2].item(), rel=1e-5)
    assert (turned - empty)[0].item() == pytest.approx(1.6 * added, rel=1e-5)


def test_the_mean_runs_over_batches_and_its_gradient_is_that_of_one():
    loss = partial_loss("count", momentum=0.75)
    empty = partial_loss("empty")
    first = loss(row(*FOUND), batch(0.1)) - empty(row(*FOUND), batch())
    assert first.item() == pytest.approx(divergence(0.1, 0.2), rel=1e-4)
    # One open voxel this time, of .8.
    found, given = [0.5, 0.2, 0.4, 0.8], batch(0.3, is_open=(0, 0, 0, 1))
    second = loss(row(*found), given) - empty(row(*found), given)
    size = 0.75 * 2 + 1
    mean, wanted = (0.75 * 0.4 + 0.8) / size, (0.75 * 0.2 + 0.3) / size
    assert second.item() == pytest.approx(divergence(wanted, mean), rel=1e-4)
    loss.sums = None
    loss(row(*FOUND), batch(0.1))
    more = gradient_of(loss, given, found) - gradient_of(empty, given, found)
    slope = (mean - wanted) / (mean * (1 - mean))
    assert more.tolist() == pytest.approx([0, 0, 0, slope], abs=1e-5)


def test_the_sign_of_a_risk_is_that_of_many_batches():
    loss = partial_loss("non_negative", momentum=0.75)
    for _ in range(3):
        loss(row(0.5, 0.2, 0.4, 0.4), batch(0.1))
    # Alone it would be below 0.
    empty = gradient_of(partial_loss("empty"), batch())
    assert gradient_of(loss, batch(0.8))[2] == empty[2]
    loss.sums = None
    alone = gradient_of(loss, batch(0.8))[2].item()
    assert alone == pytest.approx(-empty[2].item(), rel=1e-5)


def test_what_reaches_beyond_a_label_is_no_other_particle():
    given = batch(0.1, target=(1, 0.4, 0.2, 0), near=(1, 1, 0, 0))
    perfect = row(1, 0.4, 0.3, 0.1)
    # Mean .2, of which the label gives .1.
    loss = partial_loss("count")(perfect, given) - partial_loss("empty")(perfect, given)
    assert loss.item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kind", ["count", "non_negative", "empty", "none"])
def test_batches_of_known_tomograms_are_unchanged_to_the_last_digit(kind):
    generator = torch.Generator().manual_seed(0)
    heatmap, target = torch.rand((2, 2, 3, 4, 5, 6), generator=generator)
    region = (torch.rand((2, 1, 4, 5, 6), generator=generator) > 0.3).float()
    nothing = torch.empty((0, 1, 4, 5, 6))
    given = Batch(
        labeled=nothing,
        target=target,
        weak=nothing,
        strong=nothing,
        labeled_region=region,
        open=torch.zeros_like(region),
        hidden_mean=torch.zeros((2, 3)),
    )
    loss = partial_loss(kind, momentum=0.9)
    plain = heatmap.clone().requires_grad_()
    expected = reweighted_mse(plain, target, 4.0, known=region)
    (wanted,) = torch.autograd.grad(expected, plain)
    without = replace(given, open=None, hidden_mean=None)
    # What a batch with open voxels leaves behind does not reach them.
    elsewhere = replace(given, open=1 - region, hidden_mean=torch.full((2, 3), 0.3))
    for one in (given, without):
        loss(heatmap, elsewhere)
        ours = heatmap.clone().requires_grad_()
        value = loss(ours, one)
        (gradient,) = torch.autograd.grad(value, ours)
        assert value.item() == expected.item()
        assert torch.equal(gradient, wanted)
    everywhere = replace(without, labeled_region=None)
    assert loss(heatmap, everywhere) == reweighted_mse(heatmap, target, 4.0)


def test_a_teacher_fills_what_is_open_and_the_number_still_counts():
    def loss(kind):
        return partial_loss(kind, teacher_fills=True)(row(*FOUND), batch()).item()

    assert loss("none") == pytest.approx(PARTICLE + 4 * 0.2**2)
    assert loss("count") == pytest.approx(loss("none") + divergence(0.1, 0.2), rel=1e-5)
    assert loss("empty") == pytest.approx(EMPTY)


def test_values_that_are_no_numbers_do_not_stay():
    loss = partial_loss("count", momentum=0.9)
    loss(row(*FOUND), batch())
    before = loss.sums
    loss(row(0.5, 0.2, math.nan, 0), batch())
    assert torch.equal(loss.sums, before)


def four_patches():
    generator = torch.Generator().manual_seed(3)
    heatmap, target = torch.rand((2, 4, 2, 4, 4, 4), generator=generator)
    near = (torch.rand((4, 1, 4, 4, 4), generator=generator) > 0.5).float()
    nothing = torch.empty((4, 0))
    given = Batch(
        labeled=nothing,
        target=target * near,
        weak=nothing,
        strong=nothing,
        labeled_region=near,
        open=(1 - near) * torch.tensor([1.0, 2, 0, 0]).view(4, 1, 1, 1, 1),
        hidden_mean=torch.tensor([[0.1, math.nan], [0.3, 0.9], [0, 0], [0.2, 0.2]]),
    )
    return heatmap, given


def loss_of_share(heatmap, given, kind):
    heatmap.requires_grad_()
    loss = partial_loss(kind, momentum=0.9)
    for _ in range(2):
        value = loss(heatmap, given)
    (gradient,) = torch.autograd.grad(value, heatmap)
    return value.detach(), gradient


def save_share(rank, folder, kind):
    heatmap, given = four_patches()
    # The first process has all the open voxels, as it does in training.
    mine = [2 * rank, 2 * rank + 1]
    given = given.part(rank, 2)
    loss = PartialLoss(HeatmapLoss(background_weight=4.0), PartialSettings(loss=kind))
    patches = SimpleNamespace(
        hidden=SimpleNamespace(
            unknown=np.array([False, True]), where_unknown=lambda hidden: hidden / 4
        )
    )
    # One process counts for all.
    loss.estimate(
        lambda model: np.array([math.nan, 12.0]) if rank == 0 else 1 / 0,
        patches,
        torch.nn.Linear(1, 1),
    )
    assert loss.estimated.isnan().tolist() == [True, False]
    assert loss.estimated[1] == 3
    result = loss_of_share(heatmap[mine].clone(), given, kind)
    torch.save((mine, *result), folder / f"{kind}_{rank}.pt")


@pytest.mark.parametrize("kind", ["count", "non_negative"])
def test_processes_that_share_a_batch_add_up_to_one(tmp_path, kind):
    in_processes(save_share, tmp_path, kind)
    value, gradient = loss_of_share(*four_patches(), kind)
    sum_of_values = 0
    for rank in (0, 1):
        mine, part, ours = torch.load(tmp_path / f"{kind}_{rank}.pt")
        sum_of_values += part
        torch.testing.assert_close(ours, gradient[mine])
    torch.testing.assert_close(sum_of_values, value)


@pytest.mark.parametrize("kind", ["count", "non_negative"])
def test_an_estimate_takes_the_place_of_a_number_that_nobody_knows(kind):
    loss, same = partial_loss(kind), partial_loss(kind)
    loss.estimated = torch.tensor([0.1])
    expected = same(row(*FOUND), batch(0.1)).item()
    assert loss(row(*FOUND), batch(math.nan)).item() == expected
    # A number that is given stays.
    expected = same(row(*FOUND), batch(0.3)).item()
    assert loss(row(*FOUND), batch(0.3)).item() == expected


def full_and_part():
    """A tomogram that is its own perfect heatmap, and in which a half has labels.

    All particles lie in a slab, which patches see more often than its surroundings.
    """
    rng = np.random.default_rng(0)
    shape, edge = (64, 96, 96), 12
    places = np.stack(
        np.meshgrid([26, 38], np.arange(14, 90, edge), np.arange(14, 90, edge)), -1
    ).reshape(-1, 3)
    index = places + rng.uniform(-1, 1, places.shape)
    radius = np.array([4.0])
    number = np.zeros(len(index), np.int64)
    whole = Gaussians().target(index, number, radius, shape, 1)[0]
    is_labeled = rng.random(len(index)) < 0.5
    return PatchSource(
        name="t",
        volume=whole,
        index_zyx=index[is_labeled],
        particle=number[is_labeled],
        radius=radius,
        hidden=np.array([float((~is_labeled).sum())]),
    )


def test_a_perfect_heatmaps_mean_is_the_expected_one():
    source = full_and_part()
    settings = TrainSettings(
        patch_zyx=(32, 48, 48), augment=AugmentSettings(intensity=0), batch_size=4
    )
    data = PatchDataset([source], [], settings, "s", Gaussians(), stride=1)
    found = np.zeros((2, 2))
    for step in range(100):
        one = data[step]
        for i, weight in enumerate((one.open, (one.open > 0).float())):
            hidden = (weight * (one.labeled - one.target)).sum()
            expected = one.hidden_mean[:, :, None, None, None] * weight
            found[i] += hidden.item(), expected.sum().item()
    ratio = found[:, 0] / found[:, 1]
    assert ratio[0] == pytest.approx(1, abs=0.03)
    # Without the weights that make every voxel count alike the slab counts too much.
    assert ratio[1] > 1.1
