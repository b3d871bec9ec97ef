"""The comparisons with few labels, tiny: what they measure, and that they run."""

import importlib
import sys
from functools import partial

import numpy as np
import pytest
import torch

from picker.config.template import TemplateSettings
from picker.core.picks import picks_from_arrays
from picker.core.tomogram import Tomogram
from picker.training.detr.targets import Truth
from tests.workflow.project import ROOT

SCRIPTS = ROOT / "tests/benchmarks"
NUMBERS = ("NUM_LABELED", "NUM_UNLABELED", "NUM_TEST")


@pytest.fixture
def script(monkeypatch):
    """Return what imports a script, with few phantoms."""
    monkeypatch.syspath_prepend(SCRIPTS)

    def imported(name, **changes):
        names = {"few_labels", "few_micrographs", "pretrain", name}
        for one in names:
            monkeypatch.delitem(sys.modules, one, raising=False)
        changes = dict.fromkeys(NUMBERS, 1) | {"SHAPE": (32, 64, 64)} | changes
        for module in map(importlib.import_module, names):
            for key, value in changes.items():
                if hasattr(module, key):
                    monkeypatch.setattr(module, key, value)
        return sys.modules[name]

    return imported


def test_density_maps_are_as_large_as_the_classes(script):
    shared = script("few_labels")
    maps = shared.density_maps()
    assert list(maps) == [particle.name for particle in shared.PARTICLES]
    for particle in shared.PARTICLES:
        one = maps[particle.name]
        grid = (
            np.indices(one.volume.shape)
            - (np.array(one.volume.shape) - 1)[:, None, None, None] / 2
        )
        distance = np.linalg.norm(grid, axis=0) * one.voxel_size
        mass = one.volume.sum()
        inside = one.volume[distance <= particle.radius].sum() / mass
        assert inside == pytest.approx(0.97, abs=0.02)
        centre = (grid * one.volume).sum(axis=(1, 2, 3)) / mass * one.voxel_size
        assert np.abs(centre).max() < 0.05 * particle.radius


def test_a_tenth_of_phantoms_has_labels_and_the_rest_is_hidden(script):
    module = script("pretrain")
    of = module.Phantoms(3)
    (known,), ((_, truth),) = of.tenth, of.labeled
    labeled = np.bincount(known.particle, minlength=4)
    numbers = [len(truth.of(particle.name)) for particle in module.PARTICLES]
    assert labeled.tolist() == [max(1, round(number / 10)) for number in numbers]
    assert (labeled + known.hidden).tolist() == numbers


def test_of_each_place_the_best_class_teaches(script):
    module = script("template_proposals")
    picks = picks_from_arrays(
        np.array([[200.0, 200, 200], [200, 200, 230], [200, 200, 600]]),
        ["ribosome", "rod", "rod"],
        np.array([0.6, 0.7, 0.3], np.float32),
    )
    found = module.one_a_place(picks, module.PARTICLES, 0.5, 0.5, None)
    assert found.sure.particle.tolist() == ["rod"]
    assert found.doubtful.position_zyx.tolist() == [[200, 200, 600]]


@pytest.mark.parametrize(("part", "number"), [("templates", 6), ("choices", 15)])
def test_labels_follow_the_proposals_of_the_same_row(script, monkeypatch, part, number):
    coarse = partial(TemplateSettings, angular_step=90)
    module = script("template_proposals", TemplateSettings=coarse)
    trainings = {}

    def trained_on(sources, seed, steps, start=None, stage="burn_in", **settings):
        trainings[len(trainings)] = len(sources), steps, start, stage, settings
        return len(trainings) - 1

    monkeypatch.setattr(module, "trained_on", trained_on)
    monkeypatch.setattr(module.Phantoms, "by_a_tenth", lambda of, way, finder: (way,))
    monkeypatch.setattr(module.Phantoms, "with_a_tenth", lambda of, *row: row)
    rows = list(getattr(module, part)(3, 1))
    assert len(rows) == len({way for way, *_ in rows}) == number
    for way, *model in rows[3 if part == "choices" else 1 :]:
        sources, steps, start, stage, settings = trainings[model[0]] if model else {}
        if "no label" in way:
            assert (sources, steps, start, stage) == (2, 1, None, "pretrain")
        elif "steps" in way:
            assert (sources, steps, start) == (1, 2, None)
        else:
            assert (sources, steps, trainings[start][3]) == (1, 1, "pretrain")
        ways = [how for how in module.ON_LABELS if how and way.endswith(how)]
        assert settings == (module.ON_LABELS[ways[0]] if ways else {})


def test_matches_are_counted_class_by_class(script):
    coarse = partial(TemplateSettings, angular_step=90)
    module = script("template_proposals", TemplateSettings=coarse)
    rows = list(module.counts(3, 0))
    assert len(rows) == len({row[:2] for row in rows}) == 7 * 4
    assert all(0 <= right <= number for *_, number, right in rows)
    number = {row[:2]: row[2] for row in rows}
    for particle in module.PARTICLES:
        few, some, many = (
            number[f"matches{least}", particle.name] for least in (" .55", "", " .4")
        )
        assert few <= some <= many
    assert sum(number.values())


def test_micrographs_are_known_where_nothing_is_doubtful(script):
    module = script("detr")
    tomogram = Tomogram(
        name="m", volume=np.zeros((1, 128, 128), np.float32), voxel_size=10.0
    )
    labels = picks_from_arrays(np.array([[0.0, 300, 300]]), ["ribosome"])
    image, truth = module.example(tomogram, labels)
    assert image.shape == (2, 128, 128)
    assert image[1].all()
    assert truth.squares.shape == (1, 3)
    doubtful = picks_from_arrays(np.array([[0.0, 900, 600]]), ["ribosome"])
    image, truth = module.example(tomogram, labels, doubtful)
    assert (image[1, 90, 60], image[1, 30, 30]) == (0, 1)
    assert (1 - image[1]).sum() == pytest.approx(np.pi * 12**2, rel=0.03)
    turned, again = module.changed(image, truth, np.random.default_rng(1))
    assert (turned[1].sum(), len(again.squares)) == (image[1].sum(), 1)


def test_nothing_that_is_found_where_it_is_doubtful_is_wrong(script):
    module = script("detr")
    network = module.Detr(module.WITHOUT, 1)
    truth = Truth(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3))
    image = torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(1))
    known = torch.ones(1, 128, 128)
    assert sum(network.losses(image, [truth], known)) > 0
    assert sum(network.losses(image, [truth], 0 * known)) == 0


def test_quality_at_the_best_threshold_and_at_others(script):
    module = script("detr")
    tomogram = Tomogram(
        name="m", volume=np.zeros((1, 128, 128), np.float32), voxel_size=10.0
    )
    places = np.array([[0.0, 200, 200], [0, 200, 700], [0, 700, 200]])
    truth = picks_from_arrays(places, ["ribosome"] * 3)
    found = picks_from_arrays(
        np.array([[0.0, 200, 200], [0, 1000, 1000], [0, 200, 700]]),
        ["ribosome"] * 3,
        np.array([0.8, 0.6, 0.4], np.float32),
    )
    of_m = {"m": found}, [(tomogram, truth)]
    third = 1 / 3
    assert module.quality(*of_m, 0.7) == pytest.approx(
        (2 * third, 2 * third, 2 * third, 0.5, third, 1, third)
    )
    assert module.quality(*of_m, 0.9)[5:] == (0, 0)


def test_with_a_label_each_two_rules_are_compared(script, monkeypatch):
    module = script("detr", EDGE=64, NUM_UNLABELED=10)
    runs = []

    def run(of, way, examples, total, network, before=0):
        del of, network
        yield runs.append((way, examples, total, before))

    monkeypatch.setattr(module.Micrographs, "run", run)
    list(module.tenth(0, 2))
    assert [(way, *steps) for way, _, *steps in runs] == [
        ("blobs", 2, 0),
        ("blobs, then a tenth", 2, 2),
        ("a tenth", 4, 0),
        ("blobs, then a tenth, blobs unsure", 2, 2),
        ("a tenth, blobs unsure", 4, 0),
    ]
    _, (_, some), (_, again), (_, unsure), _ = (one[:2] for one in runs)
    assert some is again
    assert [len(of.squares) for _, of in some] == [1] * 10
    assert all(image[1].all() for image, _ in some)
    assert not any(image[1].all() for image, _ in unsure)


def test_every_way_with_few_labels_has_rows(script):
    module = script("detr", EDGE=64)
    rows = list(module.whole(1, 0, 2))
    assert [row[:3] for row in rows] == [
        ("blobs alone", 0, 0),
        ("blobs", 1, 0),
        ("blobs", 2, 0),
        ("blobs, then labels", 2, 1),
        ("blobs, then labels", 2, 2),
        ("labels", 0, 2),
        ("labels", 0, 4),
    ]
    assert all(0 <= value <= 1 for row in rows for value in row[3:-1])
    assert {len(row) for row in rows} == {11}
