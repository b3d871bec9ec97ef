from __future__ import annotations

import pytest
import torch

from picker.config import ModelSettings
from picker.networks import build_model
from picker.networks.transfer import take_over

TINY = ModelSettings(preset="small", widths=(8, 8), blocks=(1, 1))


def model(seed, num_particles, network="unet", settings=TINY):
    torch.manual_seed(seed)
    return build_model(settings, num_particles, network).eval()


@pytest.mark.parametrize("network", ["unet", "fpn", "deepfindet", "resunet"])
def test_a_class_that_both_have_is_found_as_before(network):
    theirs, ours = model(1, 4, network), model(2, 2, network)
    # A fresh head says nothing of any class.
    torch.nn.init.normal_(theirs.head.weight)
    torch.nn.init.normal_(theirs.head.bias)
    patch = torch.randn(1, 1, 16, 24, 32)
    new_head = ours.head.weight.detach().clone()
    shared = take_over(ours, theirs.state_dict(), ["x", "b"], ["a", "b", "c", "d"])
    assert shared == ["b"]
    background = len(ours.head.weight) - 2
    for own, other in ((1, 1),):
        assert torch.equal(
            ours.head.weight[background + own], theirs.head.weight[background + other]
        )
        assert torch.equal(
            ours.head.bias[background + own], theirs.head.bias[background + other]
        )
    assert torch.equal(ours.head.weight[background], new_head[background])
    if network != "deepfindet":  # whose classes are weighed against each other
        with torch.no_grad():
            found, expected = (one(patch)[:, 1] for one in (ours, theirs))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_classes_of_other_names_get_nothing_of_the_last_layer():
    theirs, ours = model(1, 2), model(2, 2)
    fresh = ours.head.weight.detach().clone()
    assert take_over(ours, theirs.state_dict(), ["a", "b"], ["c", "d"]) == []
    assert torch.equal(ours.head.weight, fresh)
    assert torch.equal(ours.stem[0][0].weight, theirs.stem[0][0].weight)


def test_v_net_begins_with_all_but_its_last_layers():
    theirs, ours = model(1, 4, "vnet"), model(2, 2, "vnet")
    assert take_over(ours, theirs.state_dict(), ["a", "b"], ["a", "b", "c", "d"]) == []
    ours, theirs = ours.state_dict(), theirs.state_dict()
    same = {name for name in ours if torch.equal(ours[name], theirs[name])}
    assert {name for name in ours if "out_tr" not in name} <= same


@pytest.mark.parametrize(
    "other",
    [
        {"network": "fpn"},
        {"settings": ModelSettings(preset="small", widths=(8, 16), blocks=(1, 1))},
        {"settings": ModelSettings(preset="small", widths=(8, 8), blocks=(1, 2))},
    ],
)
def test_another_network_is_refused_and_changes_nothing(other):
    theirs, ours = model(1, 2, **other), model(2, 2)
    before = {name: t.clone() for name, t in ours.state_dict().items()}
    with pytest.raises(ValueError, match="not those of this network"):
        take_over(ours, theirs.state_dict(), ["a", "b"], ["a", "b"])
    assert all(torch.equal(t, before[name]) for name, t in ours.state_dict().items())
