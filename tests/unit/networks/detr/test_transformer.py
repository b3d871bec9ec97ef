import pytest
import torch
from pydantic import ValidationError

from picker.config.detr import DetrSettings
from picker.networks.detr.transformer import (
    DetectionTransformer,
    NoisedQueries,
    token_squares,
    visible_queries,
)

TINY = DetrSettings(
    channels=1,
    widths=(8, 16),
    levels=2,
    width=16,
    feedforward=16,
    heads=2,
    points=2,
    queries=12,
)


def network(seed=0, num_particles=2, **sizes):
    torch.manual_seed(seed)
    return DetectionTransformer(TINY.model_copy(update=sizes), num_particles).eval()


def noised(particle=0, centre=0.5):
    """Two groups of two queries for each of two patches."""
    return NoisedQueries(
        particle=torch.full((2, 4), particle),
        squares=torch.tensor([centre, 0.5, 0.2]).expand(2, 4, 3),
        group=torch.tensor([0, 0, 1, 1]),
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_every_layer_answers_with_squares_inside_the_patch(channels):
    model = network(channels=channels, decoder_layers=2)
    found, none = model(torch.randn(2, channels, 32, 32))
    assert found.logits.shape == (3, 2, 12, 2)
    assert found.squares.shape == (3, 2, 12, 3)
    assert found.squares.min() > 0
    assert found.squares.max() < 1
    assert none is None


def test_an_untrained_network_expects_few_particles():
    scores = network()(torch.randn(2, 1, 32, 32)).found.logits.sigmoid()
    assert scores.mean().item() == pytest.approx(0.02, abs=0.02)


def test_no_more_queries_than_tokens():
    model = network(queries=500)
    assert model(torch.randn(1, 1, 16, 16)).found.logits.shape[2] == 4 * 4 + 2 * 2


@pytest.mark.parametrize("shape", [(32, 40), (36, 36)])
def test_a_patch_is_a_square_of_whole_cells(shape):
    with pytest.raises(ValueError, match=r"expected a square whose edge is a multiple"):
        network()(torch.zeros(1, 1, *shape))


def test_what_the_network_finds_does_not_depend_on_noised_queries():
    model, patch = network(), torch.randn(2, 1, 32, 32)
    alone = model(patch).found
    for queries in (noised(), noised(particle=1, centre=0.3)):
        beside = model(patch, queries)
        assert beside.noised.squares.shape == (3, 2, 4, 3)
        torch.testing.assert_close(beside.found, alone)


def test_groups_of_noised_queries_do_not_see_each_other():
    model, patch = network(), torch.randn(2, 1, 32, 32)
    one, other = noised(), noised()
    other.particle[:, 2:] = 1
    before, after = model(patch, one).noised.logits, model(patch, other).noised.logits
    torch.testing.assert_close(after[:, :, :2], before[:, :, :2])
    assert (after[:, :, 2:] - before[:, :, 2:]).abs().min() > 1e-6


def test_visible_queries():
    wanted = [
        [1, 1, 0, 1, 1],
        [1, 1, 0, 1, 1],
        [0, 0, 1, 1, 1],
        [0, 0, 0, 1, 1],
        [0, 0, 0, 1, 1],
    ]
    visible = visible_queries(torch.tensor([0, 0, 1]), 2)
    assert visible.int().tolist() == wanted


def test_tokens_begin_as_squares_about_their_pixels():
    squares = token_squares([(16, 16), (1, 1)], torch.device("cpu"))
    assert squares[0].tolist() == pytest.approx([0.5 / 16, 0.5 / 16, 0.25])
    assert squares[17].tolist() == pytest.approx([1.5 / 16, 1.5 / 16, 0.25])
    # A square larger than half of the patch would leave no room to grow.
    assert squares[-1].tolist() == [0.5, 0.5, 0.5]


def test_before_training_layers_leave_the_proposals_where_they_are():
    squares = network()(torch.randn(2, 1, 32, 32)).found.squares
    torch.testing.assert_close(squares[1:], squares[:1].expand(3, -1, -1, -1))


def test_each_layer_corrects_the_squares_of_the_one_before():
    model = network()
    torch.nn.init.constant_(model.change[-1].bias, 0.25)
    squares = model(torch.randn(2, 1, 32, 32)).found.squares
    logits = squares.logit()
    torch.testing.assert_close(
        logits[1:] - logits[:-1], torch.full_like(logits[1:], 0.25), atol=1e-3, rtol=0
    )


def test_a_layers_squares_teach_it_and_the_layer_before():
    """All share one head, whose bias moves the first once and the others twice."""
    model = network(decoder_layers=3)
    squares = model(torch.randn(1, 1, 32, 32)).found.squares
    moved = [
        torch.autograd.grad(one.logit().sum(), model.change[-1].bias, retain_graph=True)
        for one in squares
    ]
    number = squares.shape[2]
    for (gradient,), times in zip(moved, (0, 1, 2, 2), strict=True):
        torch.testing.assert_close(gradient, torch.full((3,), 1.0 * times * number))


def test_the_encoder_proposes_squares_without_being_taught_by_the_decoder():
    model = network()
    squares = model(torch.randn(1, 1, 32, 32)).found.squares
    head = model.proposed_change[-1].bias
    of_encoder, of_decoder = (
        torch.autograd.grad(squares[i].sum(), head, retain_graph=True)[0]
        for i in (0, -1)
    )
    assert of_encoder.abs().min() > 0
    assert of_decoder.abs().max() == 0


def test_content_of_queries_is_learned_and_the_same_for_all_patches():
    """Mixed selection: squares come from the encoder, the content does not."""
    model = network()
    found = model(torch.randn(1, 1, 32, 32)).found
    (gradient,) = torch.autograd.grad(found.logits[-1].sum(), [model.content])
    assert (gradient.abs().sum(dim=1) > 0).all()


def test_all_weights_get_a_gradient():
    model = network().train()
    # The last layers of the heads begin at 0 and let no gradient through.
    for head in (model.change, model.proposed_change):
        torch.nn.init.normal_(head[-1].weight)
    answer = model(torch.randn(2, 1, 32, 32), noised())
    parts = (*answer.found, *answer.noised)
    sum((part**2).sum() for part in parts).backward()
    without = [name for name, one in model.named_parameters() if one.grad is None]
    assert without == []


def test_what_is_found_is_what_the_last_layer_is_sure_of():
    model = network().eval()
    patch = torch.randn(2, 1, 32, 32)
    logits, squares = (part[-1] for part in model(patch).found)
    score = logits.sigmoid()
    least = score[0].median().item()
    found, other = model.found(patch, least)
    assert 0 < len(found.score) < score[0].numel()
    assert found.score.min() >= least
    query, kind = torch.nonzero(score[0] >= least, as_tuple=True)
    assert torch.equal(found.particle, kind)
    torch.testing.assert_close(found.squares, squares[0, query])
    assert not torch.equal(found.squares[:1], other.squares[:1])


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"width": 60}, "width has 60 channels; expected a multiple of 8"),
        ({"widths": (16, 12)}, "widths has 12 channels; expected a multiple of 8"),
        ({"width": 64, "heads": 3}, "multiple of the number of heads"),
        ({"levels": 4}, "levels is 4; expected at most 3"),
        ({"channels": 2}, "1 or 3"),
        ({"queries": 0}, "greater than or equal to 1"),
    ],
)
def test_sizes_that_do_not_fit(sizes, message):
    with pytest.raises(ValidationError, match=message):
        DetrSettings(**sizes)
