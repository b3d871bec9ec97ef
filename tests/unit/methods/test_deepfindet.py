import pytest
import torch

from picker.config import DeepFindETSettings, Particle
from picker.methods.deepfindet import loss_of
from picker.training.supervised import SegmentationLoss

CLASSES = [Particle(name=name, radius=100) for name in ("ribosome", "thyroglobulin")]


def test_by_default_the_loss_is_dice_of_equal_classes():
    assert loss_of(DeepFindETSettings(), CLASSES) == SegmentationLoss()


def test_weights_are_of_classes_by_name_and_the_background_has_one():
    settings = DeepFindETSettings(miss_weight=0.7, class_weights={"thyroglobulin": 3})
    loss = loss_of(settings, CLASSES)
    assert loss == SegmentationLoss(miss_weight=0.7, class_weight=(1.0, 1.0, 3.0))


def test_a_missed_class_costs_more_with_more_weight():
    class Batch:
        target = torch.zeros(1, 2, 2, 2, 2)
        labeled_region = None

    Batch.target[0, 1, 0] = 1
    nothing = torch.zeros_like(Batch.target)
    plain = SegmentationLoss(miss_weight=0.7)(nothing, Batch)
    weighed = SegmentationLoss(miss_weight=0.7, class_weight=(1.0, 1.0, 8.0))
    # Of three classes one is right and one without a voxel; the weights are of ten.
    assert plain.item() == pytest.approx((2 + 1 - 4 / (4 + 0.3 * 4)) / 3, rel=1e-5)
    assert weighed(nothing, Batch).item() == pytest.approx(
        (9 + 1 - 4 / (4 + 0.3 * 4)) / 10, rel=1e-5
    )
