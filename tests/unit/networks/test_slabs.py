import pytest
import torch

from picker.networks import slabs
from picker.networks.folded import ConvReLU

LAYOUT = torch.channels_last_3d


@pytest.mark.parametrize("planes", [1, 4, 5, 8, 11])
def test_a_convolution_over_its_own_input_is_the_same(monkeypatch, planes):
    monkeypatch.setattr(slabs, "PLANES", 4)
    torch.manual_seed(0)
    conv = torch.nn.Conv3d(8, 8, 3, padding=1).to(memory_format=LAYOUT)
    features = torch.randn(1, 8, planes, 6, 7).to(memory_format=LAYOUT)
    with torch.inference_mode():
        expected = ConvReLU(conv)(features)
        found = ConvReLU(conv, overwrites=True)(features)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert found.data_ptr() == features.data_ptr()
    assert expected.data_ptr() != features.data_ptr()


def test_a_plane_is_replaced_after_both_of_its_neighbors_were_seen(monkeypatch):
    monkeypatch.setattr(slabs, "PLANES", 2)
    features = torch.arange(1.0, 8)[None, None, :, None, None].clone()

    def neighbors(first, last):
        near = slabs.with_neighbors(features, first, last)
        return near[:, :, :-2] + near[:, :, 2:]

    found = slabs.overwritten(features, neighbors).flatten()
    assert found.tolist() == [2, 4, 6, 8, 10, 12, 6]


def test_several_volumes_and_other_layouts_are_left_alone():
    conv = torch.nn.Conv3d(8, 8, 3, padding=1).to(memory_format=LAYOUT)
    part = ConvReLU(conv, overwrites=True)
    for features in (
        torch.randn(2, 8, 9, 6, 7).to(memory_format=LAYOUT),
        torch.randn(1, 8, 9, 6, 7),
    ):
        before = features.clone()
        with torch.inference_mode():
            part(features)
        assert torch.equal(features, before)
