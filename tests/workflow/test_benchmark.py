import csv
import re

import pytest
import yaml

from tests.workflow.project import ROOT

TABLES = ["table1_accuracy", "table2_particles", "table3_ablation", "table4_speed"]


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.timeout(900)  # three trainings, whole pipelines each
def test_cells_become_tables_and_a_lost_one_is_made_alone(copy):
    copy.change("burn_in", steps=10)
    copy.change("train", patch_zyx=[16, 16, 16])
    copy.change(
        "benchmark",
        methods=["supervised_full", "deepfindet", "multi_view"],
        labeled=[1],
        seeds=[3],
        repeats=1,
        variants={
            "deepfindet-apart": {"pick": {"min_distance_per_radius": 1.5}},
            "deepfindet-short": {"burn_in": {"steps": 2}},
        },
    )
    output = copy.succeed("benchmark")
    assert "rule preprocess" not in output
    folder = copy.path("benchmark")
    assert sorted(p.stem for p in folder.glob("*.tsv")) == TABLES
    first = rows(folder / "table1_accuracy.tsv")
    assert [(r["method"], r["labeled"], r["seeds"]) for r in first] == [
        ("supervised_full", "1", "1"),
        ("deepfindet", "1", "1"),
        ("multi_view", "1", "1"),
        # as the settings name them
        ("deepfindet-apart", "1", "1"),
        ("deepfindet-short", "1", "1"),
    ]
    assert {r["particle"] for r in rows(folder / "table2_particles.tsv")} == {
        "ribosome",
        "apo-ferritin",
    }
    speed = rows(folder / "table4_speed.tsv")
    assert sorted((r["method"], r["shape_zyx"]) for r in speed) == sorted(
        (name, "24×48×56")
        for name in ("deepfindet", "deepfindet-short", "deepfindet-apart")
    )
    assert (folder / "accuracy.svg").read_text().startswith("<?xml")
    # 1 labeled and 2 unlabeled with picks
    logs = copy.path("logs/benchmark/cells/1_labeled/seed_3")
    assert "burn_in 15/15" in (logs / "supervised_full/burn_in.log").read_text()
    assert "burn_in 10/10" in (logs / "multi_view/burn_in.log").read_text()
    assert "burn_in 7/7" in (logs / "deepfindet-short/burn_in.log").read_text()
    assert "co_train 5/5" in (logs / "multi_view/co_train.log").read_text()
    cells = folder / "cells/1_labeled/seed_3"
    assert not (cells / "semietpicker").exists()
    # other picking needs no other model
    assert not (cells / "deepfindet-apart/models/burn_in.safetensors").exists()
    (cells / "multi_view/cell.json").unlink()
    again = copy.succeed("--dry-run", "benchmark")
    assert again.count("rule measure:") == 1
    assert "multi_view/cell.json" in again
    assert "rule train:" not in again
    # Another program's kill, or a person, may take what a manifest names.
    next((cells / "deepfindet/candidates").glob("*.star")).unlink()
    again = copy.succeed("--dry-run", "benchmark")
    assert again.count("rule predict:") == 1
    assert "rule train:" not in again


def test_the_documented_settings_are_valid_and_plan_their_cells(project):
    for name, cells, trainings in (
        ("small", 24, 27),
        ("full", 8, 9),
        ("ensemble", 3, 2),
        ("kaggle_small", 10, 6),
    ):
        path = ROOT / "docs" / "benchmark" / f"{name}.yaml"
        given = yaml.safe_load(path.read_text())
        project.configure(given)
        output = project.succeed("--dry-run", "benchmark")
        assert re.search(rf"measure +{cells}\n", output)
        # methods that co-train share their first stage
        assert re.search(rf"\ntrain +{trainings}\n", output)
