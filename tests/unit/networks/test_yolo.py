import torch

from picker.config import SlicesSettings
from picker.networks.yolo import SliceYolo

SMALL = SlicesSettings(edge=32, context=1, widths=(8, 16), width=16)


def test_places_begin_with_squares_of_four_pixels_of_the_map():
    answer = SliceYolo(SMALL, 3)(torch.randn(2, 3, 32, 32))
    assert answer.logits.shape == (2, 64, 3)
    assert answer.squares.shape == (2, 64, 3)
    assert answer.places[:, 2].unique().tolist() == [0.5]
    # Untrained they are about where they begin, and particles are rare.
    assert (answer.squares - answer.places).abs().max() < 0.2
    assert answer.logits.sigmoid().mean() < 0.1


def test_patches_of_a_batch_do_not_influence_each_other():
    torch.manual_seed(0)
    model, patches = SliceYolo(SMALL, 1).eval(), torch.randn(2, 3, 32, 32)
    both, alone = model(patches), model(patches[1:])
    torch.testing.assert_close(both.squares[1:], alone.squares, rtol=1e-4, atol=1e-5)


def test_a_score_is_of_the_class_alone():
    model, patch = SliceYolo(SMALL, 2).eval(), torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        torch.nn.init.constant_(model.scored.bias, -20.0)
        assert len(model.found(patch, 0.1)[0].score) == 0
        model.scored.bias[1] = 20.0
        (found,) = model.found(patch, 0.1)
    assert found.particle.unique().tolist() == [1]
    assert found.score.min() > 0.99
