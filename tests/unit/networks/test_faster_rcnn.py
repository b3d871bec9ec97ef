import pytest
import torch

from picker.config import SlicesSettings
from picker.networks.faster_rcnn import SliceFasterRCNN, best_proposals

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


def test_proposals_are_the_best_and_their_duplicates_come_last():
    squares = torch.tensor(
        [[0.5, 0.5, 0.2], [0.51, 0.5, 0.2], [0.1, 0.1, 0.2], [0.9, 0.9, 0.2]]
    )
    score = torch.tensor([[1.0, 2.0, -1.0, -3.0]])
    proposed = best_proposals(score, squares[None], 3)
    assert torch.equal(proposed[0], squares[[1, 2, 3]])
    assert torch.equal(
        best_proposals(score, squares[None], 9)[0], squares[[1, 2, 3, 0]]
    )
    # Of more than four times as many as are wanted the worst are not compared.
    many = squares[1].repeat(1, 5, 1)
    many[:, -1] = squares[3]
    score = torch.arange(5.0).flip(0)[None]
    assert torch.equal(best_proposals(score, many, 1)[0], squares[[1]])


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
        model.scored.bias.copy_(torch.tensor([-9.0, 5.0, 5.0]))
        # A tenth of the side towards large y, for the second class.
        model.head.bias[1, 0] = 1.0
        (found,) = model.found(torch.randn(1, 3, 32, 32), 0.1)
    first, second = found.squares[found.particle.argsort()]
    assert ((second - first)[0] / first[2]).item() == pytest.approx(0.1, abs=0.02)
