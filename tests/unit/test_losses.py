import pytest
import torch

from picker.losses import reweighted_mse


def stack(*classes):
    return torch.tensor([[[[c]] for c in classes]], dtype=torch.float32)


@pytest.mark.parametrize(
    ("heatmap", "target", "expected"),
    [
        # a perfect answer costs nothing
        ([[1.0, 0.0]], [[1.0, 0.0]], 0.0),
        # missed particle: (1)² / 1
        ([[0.0, 0.0]], [[1.0, 0.0]], 1.0),
        # false particle on one of two background voxels: 4 · 1 / 2
        ([[0.0, 1.0]], [[0.0, 0.0]], 2.0),
        # soft target: .5·.25/.5 + 4·.5·.25/1.5
        ([[0.0, 0.0]], [[0.5, 0.0]], 0.25 + 4 * 0.125 / 1.5),
    ],
)
def test_table_of_losses(heatmap, target, expected):
    loss = reweighted_mse(stack(*heatmap), stack(*target), 4.0)
    assert loss.item() == pytest.approx(expected, abs=1e-5)


def test_a_small_class_counts_as_much_as_a_large_one():
    target = stack([1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0])
    heatmap = stack([1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0])
    assert reweighted_mse(heatmap, target, 4.0).item() == pytest.approx(0.5, abs=1e-5)
    as_the_paper = reweighted_mse(heatmap, target, 4.0, per_class=False)
    assert as_the_paper.item() == pytest.approx(1 / 5, abs=1e-5)


def test_what_the_target_leaves_open_does_not_count():
    heatmap, target = stack([0.0, 1.0, 0.0]), stack([1.0, 0.0, 0.0])
    known = stack([1.0, 0.0, 1.0])
    loss = reweighted_mse(heatmap, target, 4.0, known=known)
    assert loss.item() == pytest.approx(1.0, abs=1e-5)


def test_a_class_without_weight_does_not_count():
    target = stack([1.0, 0.0], [1.0, 0.0])
    heatmap = stack([1.0, 0.0], [0.0, 0.0])
    weight = torch.tensor([1.0, 0.0])
    loss = reweighted_mse(heatmap, target, 4.0, class_weight=weight)
    assert loss.item() == pytest.approx(0.0, abs=1e-5)
    nothing = reweighted_mse(heatmap, target, 4.0, class_weight=torch.zeros(2))
    assert nothing.item() == 0
