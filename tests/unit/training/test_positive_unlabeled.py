import numpy as np
import pytest
import torch

from picker.config import TomoPickerSettings
from picker.training.batch import Batch
from picker.training.positive_unlabeled import (
    Means,
    Shares,
    divergence,
    expected_fraction,
    non_negative,
    positive_negative,
    shares_of,
)
from picker.training.source import PatchSource
from tests.unit.machine.test_processes import in_processes

ALONE = TomoPickerSettings(momentum=0.0)
"""Each batch by itself."""
SHARES = Shares(
    labeled=torch.tensor([0.1]), empty=torch.tensor([0.0]), open=torch.tensor([0.9])
)


def row(*values):
    """Values of one class in one patch, along x."""
    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, 1, 1, -1)


def batch(target, known, unknown=None, expected=None):
    hidden = None if expected is None else torch.tensor([[expected]])
    return Batch(
        labeled=torch.zeros(1, 1, 1, 1, target.shape[-1]),
        target=target,
        weak=torch.zeros(0),
        strong=torch.zeros(0),
        labeled_region=known,
        open=unknown,
        hidden_mean=hidden,
    )


# Four voxels: one in a labeled particle, one known to be empty, two that are open.
PROBABILITY = [0.8, 0.3, 0.4, 0.1]
FOUR = batch(row(1, 0, 0, 0), row(1, 1, 0, 0), row(0, 0, 1, 1), 0.2)


def logits(*probability):
    return row(*probability).logit().requires_grad_()


def risks(values=None, of=FOUR, means=None):
    values = logits(*PROBABILITY) if values is None else values
    return (means or Means(0.0)).risks(values, of)


def test_risks_are_means_over_their_own_voxels():
    found = risks()
    assert found.labeled.item() == pytest.approx(-np.log(0.8), abs=1e-5)
    assert found.labeled_as_empty.item() == pytest.approx(-np.log(0.2), abs=1e-5)
    assert found.empty.item() == pytest.approx(-np.log(0.7), abs=1e-5)
    open_risk = -(np.log(0.6) + np.log(0.9)) / 2
    assert found.open.item() == pytest.approx(open_risk, abs=1e-5)
    assert found.found.item() == pytest.approx(0.25, abs=1e-5)
    assert found.expected.item() == pytest.approx(0.2, abs=1e-5)
    assert found.fraction.item() == pytest.approx(1 / 4)


def test_positive_negative_is_equation_1():
    known, is_open = positive_negative(risks(), SHARES, ALONE)
    assert known.item() == pytest.approx(-0.1 * np.log(0.8), abs=1e-5)
    expected = -0.9 * (np.log(0.6) + np.log(0.9)) / 2
    assert is_open.item() == pytest.approx(expected, abs=1e-5)


def test_what_is_known_to_be_empty_counts_by_its_share():
    shares = Shares(
        labeled=torch.tensor([0.1]), empty=torch.tensor([0.6]), open=torch.tensor([0.3])
    )
    for loss in (positive_negative, non_negative):
        known, _ = loss(risks(), shares, ALONE)
        expected = -0.1 * np.log(0.8) - 0.6 * np.log(0.7)
        assert known.item() == pytest.approx(expected, abs=1e-5)
    known, _ = expected_fraction(risks(), shares, ALONE)
    assert known.item() == pytest.approx(-np.log(0.8) - 6 * np.log(0.7), abs=1e-4)


def test_non_negative_is_equation_5_while_the_empty_risk_is_positive():
    few = batch(row(1, 0, 0, 0), row(1, 1, 0, 0), row(0, 0, 1, 1), 0.1)
    known, is_open = non_negative(risks(of=few), SHARES, ALONE)
    plus, minus = -np.log(0.8), -np.log(0.2)
    unlabeled = -(np.log(0.6) + np.log(0.9)) / 2
    assert unlabeled > 0.1 * minus
    risk = 0.1 * (plus - minus) + unlabeled
    assert is_open.item() == pytest.approx(0.9 * risk, abs=1e-5)
    # Labeled and open voxels together weigh R_P+ by π', the fraction of all particles.
    assert known.item() == pytest.approx(0.1 * plus, abs=1e-5)


@pytest.mark.parametrize("unlabeled", [0.4, 0.01])
def test_the_update_rule_of_the_non_negative_risk(unlabeled):
    """Below zero the gradient is that of π R_P⁻ − R_U⁻ alone."""
    values = logits(0.8, 0.3, unlabeled, unlabeled)
    known, is_open = non_negative(risks(values), SHARES, ALONE)
    (known + is_open).sum().backward()
    is_negative = -np.log(1 - unlabeled) < -0.2 * np.log(0.2)
    assert is_negative == (unlabeled < 0.1)
    # d softplus(z)/dz is the probability, d softplus(-z)/dz that minus one.
    sign = -1 if is_negative else 1
    of_open = sign * 0.9 * unlabeled / 2
    of_labeled = -sign * 0.9 * 0.2 * 0.8
    if not is_negative:
        of_labeled += (0.1 + 0.9 * 0.2) * (0.8 - 1)
    expected = [of_labeled, 0, of_open, of_open]
    np.testing.assert_allclose(values.grad.flatten(), expected, atol=1e-5)
    plus = -np.log(0.8)
    if is_negative:
        assert (known + is_open).item() == pytest.approx(0.28 * plus, abs=1e-5)


@pytest.mark.parametrize("direction", ["of_found", "of_expected"])
def test_divergence_is_equation_6_in_either_direction(direction):
    settings = TomoPickerSettings(momentum=0.0, divergence=direction)
    values = logits(*PROBABILITY)
    known, is_open = expected_fraction(risks(values), SHARES, settings)
    p, q = (0.25, 0.2) if direction == "of_found" else (0.2, 0.25)
    by_hand = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    assert known.item() == pytest.approx(-np.log(0.8), abs=1e-5)
    assert is_open.item() == pytest.approx(10 * by_hand, abs=1e-5)
    # Its gradient is that of the formula.
    is_open.sum().backward()
    again = logits(*PROBABILITY)
    mean, prior = again.sigmoid().flatten()[2:].mean(), torch.tensor(0.2)
    one, other = (mean, prior) if direction == "of_found" else (prior, mean)
    (10 * divergence(one, other)).backward()
    torch.testing.assert_close(values.grad, again.grad, rtol=1e-4, atol=1e-6)
    assert values.grad.flatten()[2:].min() > 0  # too much is found


def test_divergence_vanishes_where_as_much_is_found_as_expected():
    p = torch.tensor([0.01, 0.2, 0.9])
    torch.testing.assert_close(divergence(p, p), torch.zeros(3))
    assert (divergence(p, torch.full((3,), 0.5)) > 0).all()


@pytest.mark.parametrize(
    ("loss", "factor"),
    [(positive_negative, 10), (non_negative, 1), (expected_fraction, 100)],
)
def test_published_gamma_is_a_multiple_of_the_labeled_fraction(loss, factor):
    published = TomoPickerSettings(momentum=0.0, positive_weight="as_published")
    mean, _ = loss(risks(), SHARES, ALONE)
    known, _ = loss(risks(), SHARES, published)
    assert known.item() == pytest.approx(factor / 4 * mean.item(), rel=1e-5)


def test_published_gamma_takes_the_balance_out_of_the_non_negative_risk():
    published = TomoPickerSettings(momentum=0.0, positive_weight="as_published")
    values = logits(*PROBABILITY)
    _, is_open = non_negative(risks(values), SHARES, published)
    plus, minus = -np.log(0.8), -np.log(0.2)
    unlabeled = -(np.log(0.6) + np.log(0.9)) / 2
    expected = 0.9 * (unlabeled + 0.2 / 4 * (plus - minus))
    assert is_open.item() == pytest.approx(expected, abs=1e-5)


def test_means_of_several_batches_count_every_voxel_alike():
    """A batch with many open voxels counts more than one with few."""
    means = Means(0.5)
    few = batch(row(1, 0, 0, 0), row(1, 0, 0, 0), row(0, 1, 0, 0), 0.1)
    many = batch(row(0, 0, 0, 0), row(0, 0, 0, 0), row(0, 1, 1, 1), 0.5)
    risks(logits(0.9, 0.8, 0.5, 0.5), few, means)
    found = risks(logits(0.9, 0.4, 0.4, 0.4), many, means)
    weights = 0.5 * 1 + 3
    mean = (0.5 * 0.8 + 3 * 0.4) / weights
    assert found.mean_found.item() == pytest.approx(mean, abs=1e-5)
    expected = (0.5 * 0.1 + 3 * 0.5) / weights
    assert found.expected.item() == pytest.approx(expected, abs=1e-5)
    # No label in this batch: nothing to learn of them, whatever came before.
    assert found.labeled.item() == 0
    assert found.mean_labeled_as_empty.item() > 0


def test_rare_labels_count_in_full_over_many_batches():
    """A class with labels in every fifth batch alone has the mean risk all the same."""
    means = Means(0.99)
    without = batch(row(0, 0), row(0, 0), row(1, 1), 0.1)
    with_label = batch(row(1, 0), row(1, 0), row(0, 1), 0.1)
    values = [
        risks(logits(0.5, 0.5), with_label if i % 5 == 0 else without, means).labeled
        for i in range(600)
    ]
    assert torch.cat(values[300:]).mean().item() == pytest.approx(np.log(2), rel=0.03)


def test_the_gradient_of_the_divergence_is_in_full_with_a_momentum():
    slow = TomoPickerSettings(momentum=0.9)
    means = Means(0.9)
    for _ in range(3):
        values = logits(*PROBABILITY)
        _, is_open = expected_fraction(risks(values, FOUR, means), SHARES, slow)
    is_open.sum().backward()
    alone = logits(*PROBABILITY)
    _, is_open = expected_fraction(risks(alone), SHARES, ALONE)
    is_open.sum().backward()
    torch.testing.assert_close(values.grad, alone.grad, rtol=1e-4, atol=1e-6)


def test_complete_labels_are_learned_as_they_are_by_every_loss():
    complete = batch(row(1, 0, 0, 0), None)
    shares = Shares(
        labeled=torch.tensor([0.25]),
        empty=torch.tensor([0.75]),
        open=torch.tensor([0.0]),
    )
    cross_entropy = -(np.log(0.8) + np.log(0.7) + np.log(0.6) + np.log(0.9)) / 4
    for loss, share in (
        (positive_negative, 1),
        (non_negative, 1),
        (expected_fraction, 0.25),
    ):
        known, is_open = loss(risks(of=complete), shares, ALONE)
        assert share * known.item() == pytest.approx(cross_entropy, abs=1e-5)
        assert is_open.item() == 0


def test_an_unknown_number_gives_no_nan():
    unknown = batch(row(1, 0, 0, 0), row(1, 1, 0, 0), row(0, 0, 1, 1), float("nan"))
    for loss in (positive_negative, non_negative, expected_fraction):
        values = logits(*PROBABILITY)
        known, is_open = loss(risks(values, unknown), SHARES, ALONE)
        (known + is_open).sum().backward()
        assert torch.isfinite(values.grad).all()
        assert torch.isfinite(known + is_open).all()


def test_means_are_the_same_after_a_checkpoint():
    means = Means(0.9)
    risks(means=means)
    again = Means(0.9)
    again.restore(means.state())
    other = logits(0.1, 0.2, 0.3, 0.4)
    one, two = risks(other, means=means), risks(other, means=again)
    assert torch.equal(one.mean_found, two.mean_found)


def source(name, number, hidden, region=None):
    return PatchSource(
        name=name,
        volume=np.zeros((20, 20, 20), np.float32),
        index_zyx=np.full((sum(number), 3), 10.0),
        particle=np.repeat(np.arange(2), number),
        radius=np.array([2.0, 3.0]),
        hidden=None if hidden is None else np.array(hidden),
        region=region,
    )


def test_shares_of_complete_and_partial_tomograms_add_up():
    ball = 4 / 3 * np.pi * np.array([8.0, 27.0])
    shares = shares_of(
        [source("whole", (3, 1), None), source("part", (2, 2), [4.0, 5.0])]
    )
    labeled = np.array([5, 3]) * ball / 16000
    of_other = np.array([2 * ball[1], 2 * ball[0]])
    empty = (8000 - np.array([3, 1]) * ball + of_other) / 16000
    np.testing.assert_allclose(shares.labeled, labeled, rtol=1e-5)
    np.testing.assert_allclose(shares.empty, empty, rtol=1e-5)
    total = shares.labeled + shares.empty + shares.open
    torch.testing.assert_close(total, torch.ones(2))


def test_what_nobody_looked_at_is_no_room():
    region = np.zeros((10, 10, 10), np.bool_)
    region[:5] = True
    one = source("part", (2, 2), [4.0, 5.0], region)
    assert one.room == 4000
    np.testing.assert_allclose(
        shares_of([one]).labeled,
        2 * 4 / 3 * np.pi * np.array([8, 27]) / 4000,
        rtol=1e-5,
    )


def two_patches():
    """A batch and its logits; the second patch has nothing but what is open."""
    parts = [FOUR, batch(row(0, 0, 0, 0), row(0, 0, 0, 0), row(0, 1, 1, 1), 0.2)]
    values = torch.cat([logits(*PROBABILITY), logits(0.5, 0.1, 0.2, 0.9)]).detach()
    names = ("labeled", "target", "labeled_region", "open", "hidden_mean")
    both = {name: torch.cat([getattr(p, name) for p in parts]) for name in names}
    return Batch(weak=torch.zeros(0), strong=torch.zeros(0), **both), values


def every_loss(whole, values, **part):
    """Values and gradients of all losses, for the given part of the batch."""
    if part:
        whole, values = whole.part(**part), values[part["i"]][None]
    found = []
    for loss in (positive_negative, non_negative, expected_fraction):
        own = values.clone().requires_grad_()
        known, is_open = loss(risks(own, whole), SHARES, ALONE)
        (known + is_open).sum().backward()
        found.append(((known + is_open).item(), own.grad))
    return found


def in_part(rank, folder):
    torch.save(every_loss(*two_patches(), i=rank, number=2), folder / f"{rank}.pt")


def test_losses_and_gradients_of_processes_add_up_to_those_of_the_batch(tmp_path):
    in_processes(in_part, tmp_path)
    parts = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    for whole, first, second in zip(every_loss(*two_patches()), *parts, strict=True):
        assert first[0] + second[0] == pytest.approx(whole[0], abs=1e-5)
        gradient = torch.cat([first[1], second[1]])
        torch.testing.assert_close(gradient, whole[1], rtol=1e-4, atol=1e-6)
