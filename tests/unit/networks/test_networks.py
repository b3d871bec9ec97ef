import pytest
import torch
from monai.networks.nets import VNet

from picker.config import ModelSettings
from picker.networks import build_model
from picker.networks.deepfindet import LeakyResidual
from picker.networks.encoder import MaxPool
from picker.networks.folded import ConvReLU, Joined, folded


@pytest.mark.parametrize(
    "shape", [(16, 24, 32), (18, 30, 90), (17, 23, 35), (9, 11, 13)]
)
def test_output_is_half_the_input_rounded_up(shape):
    model = build_model(ModelSettings(preset="small"), 3).eval()
    out = model(torch.zeros(2, 1, *shape))
    assert out.shape == (2, 3, *(-(-s // 2) for s in shape))


def test_sizes_are_those_of_the_presets():
    small = build_model(ModelSettings(preset="small"), 6)
    assert sum(p.numel() for p in small.parameters()) == pytest.approx(0.65e6, rel=0.1)
    with torch.device("meta"):
        full = build_model(ModelSettings(preset="full"), 6)
    assert sum(p.numel() for p in full.parameters()) == pytest.approx(73e6, rel=0.05)


def test_full_architecture_takes_the_papers_odd_patches():
    settings = ModelSettings(preset="full", widths=(4, 6, 8, 10), blocks=(1, 1, 1, 1))
    model = build_model(settings, 2).eval()
    assert model(torch.zeros(1, 1, 90, 90, 90)).shape == (1, 2, 45, 45, 45)


def test_an_untrained_model_expects_few_particles():
    model = build_model(ModelSettings(preset="small"), 2).eval()
    heatmap = model(torch.zeros(1, 1, 16, 16, 16)).sigmoid()
    assert heatmap.mean().item() == pytest.approx(0.02, abs=0.01)


@pytest.mark.parametrize(
    "network", ["fpn", "vnet", "deepfindet", "deepfindet_published", "resunet"]
)
@pytest.mark.parametrize("shape", [(16, 24, 32), (9, 11, 13)])
def test_every_network_answers_at_its_stride_and_expects_few_particles(network, shape):
    torch.manual_seed(0)
    settings = ModelSettings(preset="small", widths=(4, 6), blocks=(1, 1))
    model = build_model(settings, 3, network).eval()
    heatmap = model(torch.randn(2, 1, *shape)).sigmoid()
    assert heatmap.shape == (2, 3, *(-(-s // model.stride) for s in shape))
    assert model.stride == (2 if network == "fpn" else 1)
    assert heatmap.mean().item() == pytest.approx(0.02, abs=0.02)


def test_published_sizes_of_the_baselines():
    full = ModelSettings(preset="full")
    with torch.device("meta"):
        original = VNet(out_channels=6)
        unet, fpn, vnet, deepfindet, resunet = (
            build_model(full, 6, name)
            for name in ("unet", "fpn", "vnet", "deepfindet", "resunet")
        )
    shapes = {k: v.shape for k, v in original.state_dict().items()}
    assert {k: v.shape for k, v in vnet.net.state_dict().items()} == shapes
    assert deepfindet.head.in_channels == 48
    widths = [level.shortcut.out_channels for level in resunet.encoder]
    assert widths == [32, 64, 128, 256]
    assert {up.kernel_size for up in resunet.upward} == {(4, 4, 4)}
    encoder = {k for k in unet.state_dict() if k.startswith(("stem", "stages"))}
    assert encoder <= set(fpn.state_dict())


@pytest.mark.parametrize("shape", [(8, 8, 8), (17, 23, 35), (24, 24, 24), (1, 5, 9)])
def test_residual_u_net_takes_any_size(shape):
    """Those of 24 too, at which the authors' code leaves the last level out."""
    model = build_model(ModelSettings(preset="small"), 2, "resunet").eval()
    assert model(torch.zeros(1, 1, *shape)).shape == (1, 2, *shape)


def test_residual_u_net_moves_with_its_input():
    """By its deepest stride; no voxel of the answer is shifted or mirrored."""
    torch.manual_seed(0)
    model = build_model(ModelSettings(preset="small"), 1, "resunet").eval()
    patch = torch.randn(1, 1, 8, 96, 96)
    step = model.alignment
    with torch.inference_mode():
        one, moved = model(patch), model(patch.roll((step, step), (3, 4)))
    inside = (..., slice(40, 56), slice(40, 56))
    torch.testing.assert_close(
        one[inside], moved.roll((-step, -step), (3, 4))[inside], rtol=1e-4, atol=1e-4
    )


def test_published_deepfindet_has_its_authors_blocks_and_drops_voxels():
    settings = ModelSettings(preset="full", dropout=0.3)
    with torch.device("meta"):
        model = build_model(settings, 6, "deepfindet_published")
    blocks = [m for m in model.modules() if isinstance(m, LeakyResidual)]
    # models/res_unet.py: one at 48 and 64, four at 80, two each on the way up.
    assert [b.change[0].out_channels for b in blocks] == [
        *(48, 64, 80, 80, 80, 80),
        *(64, 64, 48, 48),
    ]
    assert [isinstance(b.shortcut, torch.nn.Identity) for b in blocks] == [
        *(False, False, False, True, True, True),
        *(False, True, False, True),
    ]
    dropped = [m.p for m in model.modules() if type(m) is torch.nn.Dropout]
    assert dropped == [0.3, 0.3, 0.0, 0.3, 0.3]
    assert model.dropout.p == 0.0


def test_a_segmentation_leaves_the_rest_to_the_background():
    model = build_model(ModelSettings(preset="small"), 3, "deepfindet").eval()
    torch.nn.init.normal_(model.head.weight)
    probability = model(torch.randn(1, 1, 8, 12, 16)).sigmoid()
    total = probability.sum(1)
    assert total.min() > 0
    assert total.max() <= 1 + 1e-5


@pytest.mark.parametrize(
    "network", ["unet", "fpn", "vnet", "deepfindet", "deepfindet_published", "resunet"]
)
def test_folding_leaves_no_normalisation_behind_a_convolution_and_the_same_answer(
    network,
):
    torch.manual_seed(0)
    model = build_model(ModelSettings(preset="small"), 2, network).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.normal_(module.bias)
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    before = model.state_dict()
    patch = torch.randn(1, 1, 32, 32, 48)
    quick = folded(model)
    with torch.inference_mode():
        torch.testing.assert_close(quick(patch), model(patch), rtol=1e-3, atol=1e-3)
    left = [m for m in quick.modules() if isinstance(m, torch.nn.BatchNorm3d)]
    assert bool(left) == (network == "vnet")
    assert model.state_dict().keys() == before.keys()
    assert all(
        w.is_contiguous(memory_format=torch.channels_last_3d)
        for w in quick.parameters()
        if w.dim() == 5
    )


@pytest.mark.parametrize(
    "shape", [(32, 48, 64), (36, 44, 60), (74, 50, 38), (17, 23, 35), (9, 11, 13)]
)
@pytest.mark.parametrize("preset", ["small", "full"])
@pytest.mark.parametrize("batch", [1, 2])
def test_joined_decoder_steps_give_the_same(shape, preset, batch):
    """Sizes whose halves and quarters are odd too: a voxel's other half is missing.

    One volume is computed slab by slab, several are not.
    """
    torch.manual_seed(0)
    settings = ModelSettings(preset=preset, widths=(4, 6, 8), blocks=(1, 1, 1))
    model = build_model(settings, 2).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
            torch.nn.init.normal_(module.running_mean)
    patch = torch.randn(batch, 1, *shape)
    quick = folded(model)
    assert sum(isinstance(m, Joined) for m in quick.modules()) == len(model.decoder)
    with torch.inference_mode():
        torch.testing.assert_close(quick(patch), model(patch), rtol=1e-4, atol=1e-4)


@pytest.fixture(params=["float32", "bfloat16"])
def autocast(request):
    """How networks are run, and how near to each other two ways have to be."""
    near = {"float32": 1e-5, "bfloat16": 0.03}[request.param]
    on = request.param == "bfloat16"
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=on):
        yield {"rtol": near, "atol": near}


@pytest.mark.parametrize("shape", [(8, 12, 16), (7, 9, 5), (1, 1, 1)])
@pytest.mark.parametrize("is_sum", [False, True])
def test_a_convolution_and_what_follows_is_one_kernel_on_cpus(
    monkeypatch, autocast, shape, is_sum
):
    """Where PyTorch or the processor has it no longer, one step after the other.

    A single voxel has two layouts at once: the weights say which one.
    """
    torch.manual_seed(0)
    conv = torch.nn.Conv3d(8, 8, 3, padding=1)
    both = ConvReLU(conv.to(memory_format=torch.channels_last_3d))
    features, added = torch.randn(2, 2, 8, *shape)
    called = []

    def found():
        # What is added may be overwritten.
        return both(features, added.clone()) if is_sum else both(features)

    def counted(part, *arguments):
        called.append(part)
        return onednn(part, *arguments)

    onednn = ConvReLU.onednn
    monkeypatch.setattr(ConvReLU, "onednn", counted)
    at_once = found()
    supported = torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001
    is_float32 = autocast["atol"] < 1e-3
    assert bool(called) == (is_float32 or supported)
    monkeypatch.setattr("picker.networks.folded.ONEDNN", "gone_from_pytorch")
    called.clear()
    in_steps = found()
    assert not called
    assert at_once.dtype == in_steps.dtype
    torch.testing.assert_close(at_once, in_steps, **autocast)
    expected = conv(features).float() + (added if is_sum else 0)
    torch.testing.assert_close(at_once.float(), expected.clamp_min(0), **autocast)
    assert (expected < 0).any()


def test_with_gradients_a_folded_network_is_run_in_steps():
    part = ConvReLU(torch.nn.Conv3d(2, 2, 3, padding=1))
    part(torch.randn(1, 2, 4, 4, 4)).sum().backward()
    assert part.conv.weight.grad is not None


@pytest.mark.parametrize("shape", [(1, 2, 5), (6, 7, 8), (9, 4, 3), (75, 4, 3)])
@pytest.mark.parametrize("edge", [2, 3])
def test_maxima_axis_by_axis_are_those_of_the_cube(edge, shape):
    """While training a GPU takes them so."""
    features = torch.randn(2, 3, *shape)
    pool = MaxPool(edge)
    expected = pool(features)
    assert expected.shape[2:] == tuple(-(-size // 2) for size in shape)
    found = features
    for axis in (2, 3, 4):
        found = pool.along(found, axis)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("edge", [2, 3])
def test_without_gradients_maxima_stay_short_and_those_of_the_whole(edge):
    features = torch.randn(1, 3, 75, 6, 5, dtype=torch.bfloat16)
    shared = {"stride": 2, "padding": int(edge == 3), "ceil_mode": edge == 2}
    expected = torch.nn.functional.max_pool3d(features, edge, **shared)
    with torch.autocast("cpu", torch.bfloat16):
        found = MaxPool(edge)(features)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, expected)
