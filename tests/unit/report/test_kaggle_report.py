import csv
import json

import pytest
import yaml

from picker.config import Config
from picker.config.benchmark import variants_of
from picker.project.layout import Results
from tests.benchmarks.kaggle import OF_ALL, OF_PARTICLE, POOLED, REPORT, page

SMALL = yaml.safe_load((REPORT.parent / "kaggle_small.yaml").read_text())


def facts():
    with REPORT.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_each_figure_has_a_cell_a_class_and_a_measure_that_there_are():
    config = Config.model_validate(SMALL)
    cells = {*config.benchmark.methods, *variants_of(config)}
    classes = {particle.name for particle in config.particles} | {"all"}
    known = {*OF_ALL, *OF_PARTICLE, *POOLED, "seconds_per_slice", ""}
    for row in facts():
        assert row["cell"] in cells
        assert row["particle"] in classes
        assert row["measure"] in known
        assert row["counted"]
        assert not row["report"] or float(row["report"]) >= 0


def test_the_reports_own_sums_are_those_of_its_figures():
    """What is typed from it agrees with itself, where it can."""
    found = {
        (r["table"], r["method"], r["particle"], r["metric"]): float(r["report"])
        for r in facts()
        if r["report"]
    }
    weights = {p["name"]: p["weight"] for p in SMALL["particles"]}
    for table, method in (("4", "ensemble"), ("5", "intensity")):
        values = {
            name: found[table, method, name, "F4"] * weight
            for name, weight in weights.items()
        }
        mean = sum(values.values()) / sum(weights.values())
        assert mean == pytest.approx(found["5", method, "all", "F4"], abs=1e-4)
    for name in ("Train1", "Train2"):
        p, r, f1, f4 = (
            found["1", f"DeepFindET {name}", "all", one]
            for one in ("precision", "recall", "F1", "F4")
        )
        assert 2 * p * r / (p + r) == pytest.approx(f1, abs=1e-4)
        assert 17 * p * r / (16 * p + r) == pytest.approx(f4, abs=1e-4)


def made(folder, name, f1, right, wrong, missed):
    cell = folder / name / "evaluation"
    cell.mkdir(parents=True)
    classes = {"ribosome": f1, "thyroglobulin": None, "mean": f1}
    (cell / "metrics.json").write_text(
        json.dumps(
            {
                "f1@0.5": classes,
                "precision@0.5": classes,
                "recall@0.5": classes,
                "kaggle_f4": 0.25,
                "kaggle_f4_by_particle": {"thyroglobulin": 0.125},
                "kaggle_f4_per_pick_by_particle": {"thyroglobulin": 0.875},
                "num_picks": {},
            }
        )
    )
    speed = {"seconds": 24.0, "shape_zyx": [48, 128, 128]}
    (cell.parent / "cell.json").write_text(json.dumps(speed))
    (cell / "by_tomogram.tsv").write_text(
        "tomogram\tparticle\tright\twrong\tmissed\tf1\n"
        f"a\tall\t{right}\t{wrong}\t{missed}\t\na\tribosome\t9\t9\t9\t\n"
    )


def test_ours_stand_beside_the_reports_and_are_empty_where_there_is_none(tmp_path):
    seeds = [
        tmp_path / Results().cell(4, seed, "vote").folder.rpartition("/")[0]
        for seed in (0, 1)
    ]
    made(seeds[0], "deepfindet_published-train1", 0.5, right=3, wrong=1, missed=0)
    made(seeds[1], "deepfindet_published-train1", 0.7, right=1, wrong=1, missed=0)
    made(seeds[0], "vote-offsets", 0.5, right=1, wrong=1, missed=1)
    lines = page(seeds).splitlines()
    first = "| DeepFindET Train1 |"
    assert f"{first} ribosome | F1 | 0.517 | test | 0.600 |  |" in lines
    assert f"{first} thyroglobulin | F1 | 0.203 | test |  |  |" in lines
    pooled = f"{first} all | precision | 0.2188 | test, pooled | 0.625 |  |"
    assert pooled in lines  # of 3/4 and 1/2
    per_pick = "| offsets | thyroglobulin | F4 | 0.8992 | tuned, per pick |"
    assert f"{per_pick} 0.875 | 0.125 |" in lines
    speed = "| DeepFindET | all | inference [s/slice] | 4.2 |"
    assert f"{speed} measured, not told on what | 0.500 |  |" in lines
    assert "| YOLO | ribosome | F4 | 0.7844 | tuned |  |  |" in lines
