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
from tests.workflow.project import ROOT

SCRIPTS = ROOT / "tests/benchmarks"


@pytest.fixture
def script(monkeypatch):
    """Return what imports a script, with few phantoms."""
    monkeypatch.syspath_prepend(SCRIPTS)

    def imported(name, **changes):
        for one in ("few_labels", name):
            monkeypatch.delitem(sys.modules, one, raising=False)
        shared = importlib.import_module("few_labels")
        module = importlib.import_module(name)
        for of in (shared, module):
            for key in ("NUM_LABELED", "NUM_UNLABELED", "NUM_TEST"):
                if hasattr(of, key):
                    monkeypatch.setattr(of, key, 1)
        monkeypatch.setattr(shared, "SHAPE", (32, 64, 64))
        for key, value in changes.items():
            monkeypatch.setattr(module, key, value)
        return module

    return imported


def test_density_maps_are_as_large_as_the_classes(script):
    shared = script("few_labels")
    maps = shared.density_maps()
    assert list(maps) == [particle.name for particle in shared.PARTICLES]
    for particle in shared.PARTICLES:
        one = maps[particle.name]
        grid = np.indices(one.volume.shape) - (np.array(one.volume.shape) - 1)[
            :, None, None, None
        ] / 2
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
    module = script("pretrain")
    picks = picks_from_arrays(
        np.array([[200.0, 200, 200], [200, 200, 230], [200, 200, 600]]),
        ["ribosome", "rod", "rod"],
        np.array([0.6, 0.7, 0.3], np.float32),
    )
    found = module.one_a_place(picks, module.PARTICLES, 0.5, 0.5, None)
    assert found.sure.particle.tolist() == ["rod"]
    assert found.doubtful.position_zyx.tolist() == [[200, 200, 600]]


def test_every_way_with_templates_has_a_row(script):
    coarse = partial(TemplateSettings, angular_step=90)
    module = script("pretrain", TemplateSettings=coarse)
    rows = list(module.templates(3, 1))
    assert len(rows) == len({way for way, *_ in rows}) == 6 + 4 * 4
    assert all(0 <= value <= 1 for _, *values in rows for value in values)


def test_micrographs_are_known_where_nothing_is_doubtful(script):
    module = script("detr")
    tomogram = Tomogram(name="m", volume=np.zeros((1, 128, 128), np.float32),
                        voxel_size=10.0)  # fmt: skip
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
    truth = module.Truth(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3))
    image = torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(1))
    known = torch.ones(1, 128, 128)
    assert sum(network.losses(image, [truth], known)) > 0
    assert sum(network.losses(image, [truth], 0 * known)) == 0


def test_quality_at_the_best_threshold_and_at_others(script):
    module = script("detr")
    tomogram = Tomogram(name="m", volume=np.zeros((1, 128, 128), np.float32),
                        voxel_size=10.0)  # fmt: skip
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


@pytest.mark.parametrize("part", ["tenth", "whole"])
def test_every_way_with_few_labels_has_rows(script, part):
    module = script("detr", EDGE=64, NUM_UNLABELED=10)
    run = module.tenth if part == "tenth" else partial(module.whole, 2)
    rows = list(run(0, 2))
    ways = [row[:3] for row in rows]
    assert len(set(ways)) == len(ways) == {"tenth": 11, "whole": 7}[part]
    assert {len(row) for row in rows} == {11}
    again = list(run(0, 2))
    assert [row[:-1] for row in again] == [row[:-1] for row in rows]
