import csv
import re

import pytest
import yaml

from picker.config import Config
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
    ]
    assert {r["particle"] for r in rows(folder / "table2_particles.tsv")} == {
        "ribosome",
        "apo-ferritin",
    }
    speed = rows(folder / "table4_speed.tsv")
    assert [(r["method"], r["shape_zyx"]) for r in speed] == [
        ("deepfindet", "24×48×56")
    ]
    assert (folder / "accuracy.svg").read_text().startswith("<?xml")
    # 1 labeled and 2 unlabeled with picks
    log = copy.path("logs/benchmark/1_labeled/seed_3/supervised_full.log").read_text()
    assert "burn_in 15/15" in log
    log = copy.path("logs/benchmark/1_labeled/seed_3/burn_in.log").read_text()
    assert "burn_in 10/10" in log
    log = copy.path("logs/benchmark/1_labeled/seed_3/multi_view.log").read_text()
    assert "burn_in resumes at step 10" in log
    assert "co_train 5/5" in log
    (folder / "cells/1_labeled/seed_3/multi_view/cell.json").unlink()
    again = copy.succeed("--dry-run", "benchmark")
    assert again.count("rule benchmark_cell:") == 1
    assert "multi_view/cell.json" in again
    assert "rule benchmark_burn_in:" not in again


def test_the_documented_settings_are_valid_and_plan_their_cells(project):
    for name, cells, burn_ins in (("small", 24, 3), ("full", 8, 1)):
        path = ROOT / "docs" / "benchmark" / f"{name}.yaml"
        given = yaml.safe_load(path.read_text())
        planned = Config.model_validate(given).benchmark
        assert len(planned.methods) * len(planned.labeled) * len(planned.seeds) == cells
        project.configure(given)
        output = project.succeed("--dry-run", "benchmark")
        assert re.search(rf"benchmark_cell +{cells}\n", output)
        # methods that co-train share theirs
        assert re.search(rf"benchmark_burn_in +{burn_ins}\n", output)
