import pytest

from picker.config import Config

PARTICLES = [{"name": "ribosome", "radius": 120}]


def config(**sections):
    return Config.model_validate({"particles": PARTICLES, **sections})


def test_a_benchmark_has_no_method_that_learns_from_proposals_without_any():
    alone = {"methods": ["self_trained"]}
    with pytest.raises(ValueError, match=r"benchmark.methods: method self_trained"):
        config(method="supervised", benchmark=alone)
    given = {"proposals": "blobs"}
    assert config(method="supervised", benchmark=alone, pretrain=given)


@pytest.mark.parametrize(
    ("method", "section"), [("upicker", "upicker"), ("yolo_slices", "slices")]
)
def test_squares_are_on_enough_slices_to_be_linked(method, section):
    with pytest.raises(ValueError, match=f"{section}.min_chord is 0.95.* on 0.31 of"):
        config(method=method, **{section: {"min_chord": 0.95}})
    assert config(method=method, **{section: {"min_chord": 0.9}})
    assert config(method="supervised", **{section: {"min_chord": 0.95}})


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"membrane": {"ribosom": [0, 9]}}, "pick.context.membrane names ribosom"),
        ({"density": {"all": [9, 1]}}, "holds nothing"),
        ({"edge": {"all": [None, None]}}, "limits nothing"),
        ({"gold": {"all": [0]}}, "Field required"),
        ({"density_radius": 0}, "greater than 0"),
    ],
)
def test_filters_by_context_are_ranges_of_classes(context, said):
    particles = [{"name": "ribosome", "radius": 150}]
    content = {"particles": particles, "pick": {"context": context}}
    with pytest.raises(ValueError, match=said):
        Config.model_validate(content)
