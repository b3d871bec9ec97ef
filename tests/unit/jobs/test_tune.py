"""Tuning, from candidates to settings that the workflow reads."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from picker.__main__ import main
from picker.config import Config, Particle, TuneSettings
from picker.config.fitting import refuse_unfit_tuning
from picker.config.strict import check_settings_file
from picker.config.tune import changed
from picker.core.picks import picks_from_arrays
from picker.encodings.discs import discs_on_slice, joined
from picker.finding.detections import detections_from_discs
from picker.formats.picks.detections import write_detections
from picker.formats.picks.star import read_picks, write_picks
from picker.formats.tables.tsv import read_rows
from picker.project.manifests import write_manifest
from tests.unit.predicted import (
    calibrated,
    predicted,
    preprocessed,
    thresholds_of,
    write_predicted,
)

PARTICLE = {"name": "ribosome", "radius": 50}
SHAPE = (40, 100, 100)


def ribosomes(places, score=None):
    return picks_from_arrays(places, ["ribosome"] * len(places), score)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Three tomograms in which the best distance lies between .7 and 1.2 radii.

    Particles stand in pairs 1.2 radii apart, and each has a second candidate .7 radii
    off, which is wrong and scores as high as many right ones.
    """
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    entries = []
    grid = np.stack(np.meshgrid([200], range(60, 960, 180), range(60, 900, 240)), -1)
    for number in range(3):
        name = f"TS_{number}"
        first = grid.reshape(-1, 3).astype(float)
        truth = np.concatenate([first, first + np.array([0, 0, 60])])
        wrong = truth + np.array([0, 35, 0])
        score = rng.uniform(0.5, 1, len(truth))
        found = ribosomes(
            np.concatenate([truth, wrong]), np.concatenate([score, score - 0.05])
        )
        write_picks(tmp_path / f"{name}.star", found, {"fingerprint": name})
        write_picks(tmp_path / f"{name}_known.star", ribosomes(truth))
        labels = tmp_path / f"{name}_known.star"
        more = {"labels": labels, "shape_zyx": SHAPE}
        path = tmp_path / f"{name}.star"
        entries.append(predicted(path, name, "validation", **more))
    write_predicted(tmp_path / "predicted.json", entries)
    (tmp_path / "particles.json").write_text(json.dumps([PARTICLE]))
    return tmp_path


def tune(folder, *words, manifest="predicted.json", **settings):
    (folder / "tune.json").write_text(json.dumps(settings))
    given = ["--manifests", manifest, "--settings", "particles.json", "tune.json"]
    given += [str(p) for p in folder.glob("vote.json")]
    given += ["--output", "tuned.yaml", "--trials", "t.tsv", "--picture", "t.svg"]
    return main(["tune", *given, *words])


def test_a_planted_distance_is_found_and_can_be_used(project):
    limits = {"pick.min_distance_per_radius": [0.3, 3.0]}
    assert tune(project, settings=limits, initial=5, steps=7) == 0
    path = project / "tuned.yaml"
    check_settings_file(path)
    found = yaml.safe_load(path.read_text())
    config = Config.model_validate({"particles": [PARTICLE], **found})
    assert 0.7 < config.pick.min_distance_per_radius <= 1.2
    assert "F 1.0000 with these" in path.read_text()
    assert "chose neither settings nor thresholds 1.0000" in path.read_text()
    rows = read_rows(project / "t.tsv")
    assert len(rows) == 12
    # The settings as they are come first.
    assert rows[0]["pick.min_distance_per_radius"] == "1.000000"
    assert (project / "t.svg").read_text().startswith("<?xml")


def test_a_grid_has_all_combinations(project):
    limits = {"pick.min_distance_per_radius": [0.2, 1.0], "pick.top_k": [30, 50]}
    assert tune(project, settings=limits, search="grid", grid=3) == 0
    rows = read_rows(project / "t.tsv")
    assert len(rows) == 1 + 9
    # Whole numbers are rounded; what is not set shows as nothing.
    assert {row["pick.top_k"] for row in rows} == {"", "30", "40", "50"}
    found = yaml.safe_load((project / "tuned.yaml").read_text())
    assert found["pick"]["min_distance_per_radius"] == 1.0


def test_one_tomogram_is_too_few(project, capsys):
    path, labels = project / "TS_0.star", project / "TS_0_known.star"
    one = predicted(path, "TS_0", "labeled", labels=labels, shape_zyx=SHAPE)
    write_predicted(project / "one.json", [one, one])  # with a copy of it
    assert tune(project, manifest="one.json") == 1
    said = capsys.readouterr().err
    assert "TS_0 is the only tomogram" in said
    assert "Label another one" in said
    assert not (project / "tuned.yaml").exists()


def test_a_vote_is_tuned_with_its_members_weights(project):
    empty = project / "empty"
    entries = []
    for number in range(3):
        path = empty / f"TS_{number}.star"
        # A member with many wrong candidates that it is sure of.
        place = np.random.default_rng(number).uniform(0, 390, (60, 3)) * [1, 2, 2]
        write_picks(path, ribosomes(place, np.full(60, 0.9)), {"fingerprint": "x"})
        labels = project / f"TS_{number}_known.star"
        more = {"labels": labels, "shape_zyx": SHAPE}
        entries.append(predicted(path, f"TS_{number}", "validation", **more))
    write_predicted(project / "other.json", entries)
    text = thresholds_of({"ribosome": calibrated()})
    for name in ("vnet", "fpn"):
        (project / f"{name}_t.json").write_text(text)
    (project / "vote.json").write_text('{"methods": {"vnet": 1, "fpn": 1}}')
    words = ["--vote", "--member", "vnet", "vnet_t.json", "predicted.json"]
    words += ["--member", "fpn", "fpn_t.json", "other.json"]
    limits = {"vote.methods.fpn": [0.05, 2.0], "vote.distance_per_radius": [0.1, 1.0]}
    assert tune(project, *words, settings=limits, initial=4, steps=4) == 0
    found = yaml.safe_load((project / "tuned.yaml").read_text())["vote"]
    assert found["methods"]["fpn"] < 1 == found["methods"]["vnet"]
    rows = read_rows(project / "t.tsv")
    assert float(rows[-1]["best"]) > float(rows[0]["f"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vote.distance_per_radius", "but the method does not vote"),
        ("pick.contrast.least.x", "expected one of ribosome at its end"),
        ("pick.radius", "pick.radius cannot be 0.1 (Extra inputs"),
        ("pick.contrast.against", "which is no number"),
    ],
)
def test_what_cannot_be_tuned_is_told(project, capsys, name, said):
    assert tune(project, settings={name: [0.1, 1]}) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"train.learning_rate": (0, 1)}, "cannot be tuned; expected a number of"),
        ({"pick.thresholds.ribosome": (0, 1)}, "thresholds are chosen anew"),
        ({"pick.offsets.primary": (0, 0.5)}, "every entry around a pick counts"),
        ({"pick.context.density_radius": (1, 9)}, "is looked at once"),
        ({"pick.top_k": (9, 3)}, "between 9 and 3; expected the lower limit first"),
    ],
)
def test_limits_and_names_are_checked_with_the_settings(given, said):
    with pytest.raises(ValueError, match=said):
        TuneSettings(settings=given)


def test_limits_are_tried_before_anything_runs():
    given = {"particles": [PARTICLE], "method": "vote", "tune": {"settings": {}}}
    for name, limits, said in (
        ("pick.radius", [0, 1], "pick.radius cannot be 0"),
        ("vote.score", [0, 1], "which is no number"),
        ("vote.min_methods", [1, 9], "vote.min_methods cannot be 9"),
        ("pick.contrast.least.x", [0, 1], "pick.contrast.least names x"),
        ("link.z_gap", [-1, 2], "link.z_gap cannot be -1"),
    ):
        given["tune"]["settings"] = {name: limits}
        with pytest.raises(ValueError, match=said):
            Config.model_validate(given)


def test_two_limits_that_do_not_go_together_are_told_before_anything_runs():
    limits = {
        "link.min_length_per_diameter": [0.2, 0.6],
        "link.max_length_per_diameter": [1.0, 1.5],
    }
    given = {"particles": [PARTICLE], "tune": {"settings": limits}}
    said = r"min_length_per_diameter cannot be 0.6 and .* cannot be 1 \(max_length_per"
    with pytest.raises(ValueError, match=said):
        Config.model_validate(given)
    # Together they can, though .8 could not be with max_length as it is.
    limits["link.max_length_per_diameter"] = [1.6, 2.0]
    limits["link.min_length_per_diameter"] = [0.7, 0.8]
    assert Config.model_validate(given).tune.settings


def test_a_setting_is_tuned_only_where_the_method_reads_it():
    page = Path(__file__).parents[3] / "docs" / "tune.md"
    example = re.search(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    given = {"particles": [PARTICLE], **yaml.safe_load(example[1])}
    assert Config.model_validate(given).tune.settings
    refuse_unfit_tuning(Config.model_validate(given))
    # A run that tunes nothing does not mind.
    config = Config.model_validate(given | {"method": "semietpicker"})
    with pytest.raises(ValueError, match=r"method is semietpicker.* or method: vote"):
        refuse_unfit_tuning(config)
    given["tune"]["settings"] = {"vote.methods.vnet": [0.1, 1]}
    with pytest.raises(ValueError, match="expected one of semietpicker, deepfindet at"):
        refuse_unfit_tuning(Config.model_validate(given))
    given["tune"]["settings"] = {"link.z_gap": [0, 3]}
    with pytest.raises(ValueError, match=r"does not link; .* that looks at slices"):
        refuse_unfit_tuning(Config.model_validate(given))
    refuse_unfit_tuning(Config.model_validate(given | {"method": "upicker"}))


def test_linking_is_tuned_on_detections(project):
    """Discs are off their particle's axis by up to .35 radii, which breaks chains."""
    rng = np.random.default_rng(0)
    radius = PARTICLE["radius"] / 10
    entries = []
    for number in range(2):
        labels = project / f"TS_{number}_known.star"
        truth = read_picks(labels).position_zyx / 10
        discs = joined(
            discs_on_slice(truth, np.zeros(len(truth), int), np.array([radius]), z, 0.5)
            for z in range(SHAPE[0])
        )
        off = rng.uniform(-0.25, 0.25, discs.centre_yx.shape) * radius
        discs = replace(discs, centre_yx=discs.centre_yx + off)
        found = detections_from_discs(
            discs, (Particle.model_validate(PARTICLE),), 10.0, 0.5
        )
        path = project / f"detected_{number}.star"
        write_detections(path, found)
        more = {"labels": labels, "shape_zyx": SHAPE}
        candidates = project / f"TS_{number}.star"
        one = predicted(candidates, f"TS_{number}", "labeled", **more)
        entries.append(replace(one, detections=path))
    write_predicted(project / "linked.json", entries)
    (project / "link.json").write_text('{"xy_per_radius": 0.1}')
    limits = {"link.xy_per_radius": [0.1, 0.5], "link.z_gap": [0, 2]}
    words = ["--settings", "particles.json", "tune.json", "link.json"]
    more = {"manifest": "linked.json", "settings": limits}
    assert tune(project, *words, **more, search="grid", grid=3) == 0
    rows = read_rows(project / "t.tsv")
    assert rows[0]["link.xy_per_radius"] == "0.100000"
    assert float(rows[0]["f"]) < 0.7
    found = yaml.safe_load((project / "tuned.yaml").read_text())
    config = Config.model_validate({"particles": [PARTICLE], **found})
    assert config.link.xy_per_radius >= 0.3
    assert float(rows[-1]["best"]) > 0.95


def test_linking_cannot_be_tuned_without_detections(project, capsys):
    assert tune(project, settings={"link.z_gap": [0, 2]}) == 1
    assert "the method does not link" in capsys.readouterr().err


def test_names_of_classes_and_members_may_have_dots(project):
    write_picks(project / "other" / "TS_0.star", ribosomes(np.full((1, 3), 50.0)))
    vote = {"methods": {"cryolo.v1": 1}, "imported": {"cryolo.v1": "other"}}
    (project / "vote.json").write_text(json.dumps(vote))
    labels = project / "TS_0_known.star"
    known = preprocessed("TS_0", "validation", labels=labels, shape_zyx=SHAPE)
    write_manifest(project / "known.json", [known])
    words = ["--vote", "--known", "known.json"]
    limits = {"vote.methods.cryolo.v1": [0.5, 2]}
    assert tune(project, *words, settings=limits, search="grid", grid=2) == 0
    found = yaml.safe_load((project / "tuned.yaml").read_text())
    assert found["vote"]["methods"] == {"cryolo.v1": 1.0}
    name = "pick.contrast.least.apo.f"
    given = {
        "particles": [{"name": "apo.f", "radius": 50}],
        "method": "vote",
        "vote": vote,
        "tune": {"settings": {**limits, name: [0, 0.5]}},
    }
    config = Config.model_validate(given)
    assert changed(config.pick, {name: 0.2}).contrast.least == {"apo.f": 0.2}


def test_a_value_out_of_reach_names_the_setting():
    config = Config.model_validate({"particles": [PARTICLE]})
    with pytest.raises(ValueError, match=r"pick.edge_margin cannot be -1 \(Input"):
        changed(config.pick, {"pick.edge_margin": -1.0})
    assert changed(config.pick, {"pick.top_k": 3.6}).top_k == 4
