import json
import struct
import time

import pytest
import torch
from safetensors.torch import load_file, save_file

from picker.config import (
    ModelSettings,
    Particle,
    PreprocessSettings,
    SlicesSettings,
    UPickerSettings,
)
from picker.config.detr import DetrSettings
from picker.jobs.model_card import (
    ModelCard,
    model_fingerprint,
    read_card,
    read_model,
    write_model,
)
from picker.jobs.starting_model import begin_from
from picker.methods import load
from picker.networks import build_model

MODEL = ModelSettings(preset="small", widths=(4, 4), blocks=(1, 1))
PARTICLES = (Particle(name="ribosome", radius=100), Particle(name="tric", radius=60))
NAN, INFINITE = float("nan"), float("inf")
DEEP = "[" * 100_000 + "]" * 100_000


def card_of(**changes):
    card = {
        "stage": "burn_in",
        "method": "supervised",
        "particles": PARTICLES,
        "model": MODEL,
        "preprocess": PreprocessSettings(),
        "training_voxel_size": 10.0,
    }
    return ModelCard.model_validate(card | changes)


@pytest.fixture
def path(tmp_path):
    """A model, untrained."""
    path = tmp_path / "model.safetensors"
    write_model(path, build_model(MODEL, 2), card_of())
    return path


def rewritten(path, text=None, **changes):
    """Change what a model says of itself, or give it another text; keep its weights."""
    card = card_of().model_dump(mode="json") | changes
    metadata = {"picker": json.dumps(card) if text is None else text}
    save_file(load_file(path), path, metadata=metadata)


def readers(path):
    """Yield every way in which a model file is read."""
    yield lambda: read_card(path)
    yield lambda: read_model(path, torch.device("cpu"))
    yield lambda: model_fingerprint(path)
    yield lambda: begin_from(build_model(MODEL, 2), path, PARTICLES, 10.0)


def refused(path):
    """Return the one message that all readers give, after a second or two."""
    started = time.process_time()
    said = set()
    for read in readers(path):
        with pytest.raises(ValueError, match=r"model\.safetensors") as caught:
            read()
        said.add(str(caught.value))
    assert time.process_time() - started < 5
    assert len(said) == 1
    message = said.pop()
    assert len(message) < 3000
    assert message.replace("\n", "").isprintable()
    return message


@pytest.mark.parametrize(
    "method", ["supervised", "fpn", "vnet", "deepfindet", "tomopicker_kl"]
)
def test_a_model_of_each_network_is_read(tmp_path, method):
    path = tmp_path / "model.safetensors"
    made = load(method).network(MODEL, 2)
    write_model(path, made, card_of(method=method))
    model, card = read_model(path, torch.device("cpu"))
    assert card == card_of(method=method)
    for name, tensor in made.state_dict().items():
        found = model.state_dict()[name]
        assert torch.equal(found, tensor)
        assert found.stride() == tensor.stride()
    assert not model.training
    assert model_fingerprint(path) == model_fingerprint(path)


UPICKER = UPickerSettings(
    network=DetrSettings(edge=32, widths=(8, 8), width=16, heads=2, queries=4)
)


def test_a_detection_transformer_is_read_as_its_own_section_says(tmp_path):
    path = tmp_path / "model.safetensors"
    card = card_of(method="upicker", upicker=UPICKER)
    made = load("upicker").network(UPICKER, 2)
    write_model(path, made, card)
    model, found = read_model(path, torch.device("cpu"))
    assert found == card
    assert model.settings == UPICKER.network
    for name, tensor in made.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)
    # Its sizes are part of what it finds.
    other = UPICKER.model_copy(update={"min_chord": 0.2})
    write_model(
        tmp_path / "b.safetensors", made, card_of(method="upicker", upicker=other)
    )
    assert model_fingerprint(path) != model_fingerprint(tmp_path / "b.safetensors")
    # Another project's with one class more gives all but what classes have.
    fresh = load("upicker").network(UPICKER, 1)
    begin_from(fresh, path, PARTICLES[1:], 10.0)
    rows = fresh.state_dict()["scored.weight"], made.state_dict()["scored.weight"]
    assert torch.equal(rows[0][0], rows[1][1])
    assert torch.equal(fresh.content, made.content)


def test_a_detection_transformer_says_what_its_network_is(tmp_path):
    path = tmp_path / "model.safetensors"
    made = load("upicker").network(UPICKER, 2)
    write_model(path, made, card_of(method="upicker", upicker=UPICKER))
    rewritten(path, method="upicker")
    assert "method upicker has no upicker, which describes its network" in refused(path)
    deep = UPICKER.model_dump() | {"network": {"decoder_layers": 10**9}}
    rewritten(path, method="upicker", upicker=deep)
    assert "upicker.network.decoder_layers: Input should be less" in refused(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": [100_000, 100_000]}, "model.widths.0: Input should be less than"),
        ({"blocks": [10**9, 1]}, "model.blocks.0: Input should be less than"),
        ({"widths": [4096, 4096]}, "other weights than its settings describe: 51 of"),
        ({"blocks": [100, 100]}, "other weights than its settings describe: "),
        ({"widths": [4] * 8, "blocks": [1] * 8}, "other weights than its settings"),
        ({"preset": "full", "widths": None, "blocks": None}, "other weights than its"),
    ],
)
def test_a_network_is_not_built_before_its_weights_are_there(path, changes, message):
    rewritten(path, model=MODEL.model_dump() | changes)
    assert message in refused(path)


def test_the_weights_that_differ_are_named(path):
    rewritten(path, particles=[PARTICLES[0].model_dump(mode="json")])
    assert (
        "2 of 62 differ, head.bias for one, expected (1,), got (2,); train one"
    ) in refused(path)


def test_tensors_with_names_of_their_own_are_refused(path):
    weights = load_file(path) | {"\x1b[31m" * 100: torch.zeros(1)}
    metadata = {"picker": card_of().model_dump_json()}
    save_file(weights, path, metadata=metadata)
    assert r"1 of 62 differ, \x1b[31m\x1b[31m" in refused(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            DEEP,
            "expected JSON, got brackets nested too deeply",
        ),
        (f'{{"model": {DEEP}}}', "got brackets nested too deeply"),
        ("[]", "expected a JSON object, got []"),
        ("no JSON", "expected JSON, got Expecting value"),
        ('{"stage": "a", "stage": "b"}', "got the key 'stage' twice"),
        ("{}", "stage: Field required"),
    ],
)
def test_what_a_model_says_of_itself_may_be_anything(path, text, message):
    rewritten(path, text)
    assert message in refused(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"training_voxel_size": float("nan")},
            "voxel_size: Input should be a",
        ),
        ({"training_voxel_size": 0}, "training_voxel_size: Input should be greater"),
        ({"method": "web"}, "method: Input should be 'semietpicker'"),
        ({"particles": []}, "particles: Tuple should have at least 1 item"),
        (
            {"particles": [{"name": "../up", "radius": 1}]},
            "name '../up' cannot be",
        ),
        (
            {"particles": [{"name": "nan", "radius": 1}]},
            "particle can be called nan",
        ),
        (
            {"particles": [{"name": "\x1b[31m", "radius": 1}] * 1000},
            r"particles.0.name: name '\x1b[31m' cannot be used",
        ),
        (
            {"particles": [{"name": "a", "radius": 1}] * 2},
            "has a particle twice: a, a",
        ),
    ],
)
def test_bad_cards_are_explained(path, changes, message):
    rewritten(path, **changes)
    assert message in refused(path)


def raw(path, header, length=None):
    """Write a safetensors file of this header alone."""
    content = header.encode()
    length = len(content) if length is None else length
    path.write_bytes(struct.pack("<Q", length) + content)


@pytest.mark.parametrize(
    ("header", "length"),
    [
        ("{}", 2**63),
        ("{}", 2**40),
        ("{}", 50_000_000),
        ('{"a":' + DEEP + "}", None),
        ('{"__metadata__":{"picker":"{}"},"__metadata__":{"picker":"{}"}}', None),
        ('{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4]}}', None),
        ('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', None),
    ],
)
def test_headers_that_lie_are_damaged_files(path, header, length):
    raw(path, header, length)
    assert "cannot be read: expected safetensors" in refused(path)


@pytest.mark.parametrize("value", [NAN, INFINITE, -INFINITE])
def test_a_weight_that_is_no_number_is_one_error(path, value):
    """Else every score would be none, and a tomogram without picks no surprise."""
    weights = load_file(path)
    name = next(n for n, w in weights.items() if w.is_floating_point() and w.numel())
    weights[name].view(-1)[0] = value
    save_file(weights, path, {"picker": card_of().model_dump_json()})
    assert read_card(path) == card_of()
    for read in list(readers(path))[1:]:
        with pytest.raises(ValueError, match="has weights that are not finite") as one:
            read()
        assert f"{name} for one of 1" in str(one.value)


@pytest.mark.parametrize("kind", [torch.int32, torch.bool, torch.complex64])
def test_weights_of_another_kind_are_refused(path, kind):
    weights = load_file(path)
    name = next(n for n, w in weights.items() if w.is_floating_point())
    weights[name] = weights[name].to(kind)
    save_file(weights, path, {"picker": card_of().model_dump_json()})
    assert f"{name} holds numbers of another kind, expected torch.f" in refused(path)


SLICES = SlicesSettings(edge=32, widths=(8, 8), width=8, anchors=(7, 9))


@pytest.mark.parametrize("method", ["yolo_slices", "faster_rcnn_slices"])
def test_a_detector_on_slices_is_read_as_its_section_says(tmp_path, method):
    path = tmp_path / "model.safetensors"
    made, card = load(method).network(SLICES, 2), card_of(method=method, slices=SLICES)
    write_model(path, made, card)
    model, found = read_model(path, torch.device("cpu"))
    assert found == card
    assert model.settings == SLICES
    for name, tensor in made.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)
    # Another project's with one class more gives all but what classes have.
    fresh = load(method).network(SLICES, 1)
    begin_from(fresh, path, PARTICLES[1:], 10.0)
    for name, tensor in fresh.state_dict().items():
        known = made.state_dict()[name]
        same = tensor[-1:], known[-1:]
        assert torch.equal(*(same if tensor.shape != known.shape else (tensor, known)))
    rewritten(path, method=method)
    assert f"method {method} has no slices, which describes its" in refused(path)
