import pytest
import torch

from picker.config import SlicesSettings
from picker.networks.faster_rcnn import SliceFasterRCNN
from picker.networks.squares.overlap import overlap

SMALL = SlicesSettings(
    edge=32, context=1, widths=(8, 16), width=16, anchors=(6, 12), proposals=10
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return SliceFasterRCNN(SMALL, 2).eval()


def test_anchors_have_every_size_at_every_place(model):
    answer = model(torch.randn(2, 3, 32, 32))
    assert answer.anchors.shape == (64 * 2, 3)
    assert (32 * answer.anchors[:4, 2]).tolist() == pytest.approx([6, 12, 6, 12])
    assert (32 * answer.anchors[2:4, :2]).tolist() == [[2, 6], [2, 6]]
    assert answer.presence.shape == (2, 128)
    assert answer.anchor_changes.shape == (2, 128, 3)


def test_numbers_of_an_anchor_belong_together(model):
    """What is answered for an anchor depends on the features at its place."""
    patch = torch.randn(1, 3, 32, 32)
    weight, bias = model.presence.weight, model.presence.bias
    with torch.no_grad():
        weight[1], bias[1] = 0, 7.0
        model.change.weight[5], model.change.bias[5] = 0, 3.0
        answer = model(patch)
    assert (answer.presence[0, 1::2] == 7).all()
    assert (answer.anchor_changes[0, 1::2, 2] == 3).all()
    assert answer.presence[0, ::2].abs().max() < 7


def test_proposals_are_the_best_and_their_duplicates_come_last(model):
    score = torch.zeros(1, 128)
    score[0, [3, 40, 90]] = torch.tensor([3.0, 2.0, 1.0])
    changes = torch.zeros(1, 128, 3)
    anchors = model(torch.randn(1, 3, 32, 32)).anchors
    proposed = model._proposed(score, changes, anchors)[0]
    assert proposed.shape == (10, 3)
    torch.testing.assert_close(proposed[:3], anchors[[3, 40, 90]])
    apart = overlap(proposed[:, None], proposed[None]).fill_diagonal_(0)
    assert apart.max() <= 0.7


def test_what_is_chosen_is_classified(model):
    wanted = torch.tensor([[[0.5, 0.5, 0.2], [0.2, 0.3, 0.1]]])
    answer = model(torch.randn(1, 3, 32, 32), lambda proposals: wanted)
    assert torch.equal(answer.regions, wanted)
    assert answer.logits.shape == (1, 2, 3)
    assert answer.region_changes.shape == (1, 2, 2, 3)


def test_each_class_has_a_square_of_its_own():
    torch.manual_seed(0)
    one = SMALL.model_copy(update={"proposals": 1})
    model = SliceFasterRCNN(one, 2).eval()
    with torch.inference_mode():
        model.logits.bias.copy_(torch.tensor([-9.0, 5.0, 5.0]))
        # A tenth of the side towards large y, for the second class.
        model.region_change.bias[3] = 1.0
        (found,) = model.found(torch.randn(1, 3, 32, 32), 0.1)
    first, second = found.squares[found.particle.argsort()]
    assert ((second - first)[0] / first[2]).item() == pytest.approx(0.1, abs=0.02)
