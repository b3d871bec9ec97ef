import argparse

import pytest

from picker.project.manifests import read_manifest, write_manifest
from picker.report.benchmark import (
    Cell,
    ablation_table,
    accuracy_table,
    draw_accuracy,
    draw_speed,
    particle_table,
    speed_table,
)
from picker.verbs import choose, tables
from tests.unit.predicted import preprocessed


def cell(method, seed=0, labeled=5, f1=0.5, seconds=1.0, rare=0.1):
    return Cell(
        method=method,
        labeled=labeled,
        seed=seed,
        seconds=seconds,
        shape_zyx=(16, 24, 32),
        device="CPU",
        f1={
            "0.5": {"mean": f1, "ribosome": 2 * f1 - 0.1, "rare": rare},
            "0.75": {"mean": f1 + 0.1, "ribosome": 0.9, "rare": rare},
        },
    )


CELLS = [
    cell("semietpicker_paper", 0, f1=0.6),
    cell("semietpicker_paper", 1, f1=0.7),
    cell("supervised", 0, seconds=2.0),
    cell("supervised", 0, labeled=2, f1=0.3),
    cell("vnet", 0, f1=0.4, seconds=8.0),
    cell("mean_teacher", 0, f1=0.55),
]


def test_accuracy_has_mean_and_spread_over_seeds():
    rows = {(r["method"], r["labeled"]): r for r in accuracy_table(CELLS)}
    assert len(rows) == 5
    both = rows["semietpicker_paper", 5]
    assert both["f1@0.5_mean"] == pytest.approx(0.65)
    assert both["f1@0.5_sd"] == pytest.approx(0.0707, abs=1e-4)
    assert both["f1@0.75_mean"] == pytest.approx(0.75)
    assert both["seeds"] == 2
    assert rows["supervised", 2]["f1@0.5_sd"] == ""


def test_a_variant_is_a_method_of_its_own_and_no_step_of_the_ablation():
    variant = cell("supervised", f1=0.8).model_copy(
        update={"variant": "supervised-wide"}
    )
    tables = accuracy_table([*CELLS, variant])
    rows = {r["method"]: r["f1@0.5_mean"] for r in tables if r["labeled"] == 5}
    assert (rows["supervised"], rows["supervised-wide"]) == (0.5, 0.8)
    assert "supervised-wide" in {r["method"] for r in speed_table([*CELLS, variant])}
    assert ablation_table([*CELLS, variant]) == ablation_table(CELLS)


def test_particles_are_at_the_first_distance_and_unknown_ones_empty():
    rows = particle_table([cell("supervised", rare=None)])
    assert [(r["particle"], r["f1@0.5_mean"]) for r in rows] == [
        ("ribosome", 0.9),
        ("rare", ""),
    ]


def test_ablation_adds_one_part_after_the_other_with_the_most_labels():
    rows = ablation_table(CELLS)
    assert [r["method"] for r in rows] == [
        "supervised",
        "mean_teacher",
        "semietpicker_paper",
    ]
    assert [(r["co_train"], r["multi_view"], r["dropblock"]) for r in rows] == [
        ("no", "no", "no"),
        ("yes", "no", "no"),
        ("yes", "yes", "yes"),
    ]
    assert {r["labeled"] for r in rows} == {5}


def test_ablation_leaves_out_what_depends_on_settings():
    rows = ablation_table([*CELLS, cell("semietpicker", f1=0.8)])
    assert "semietpicker" not in {row["method"] for row in rows}


def test_speed_is_of_networks_slowest_first():
    rows = speed_table(CELLS)
    assert [(r["method"], r["seconds_mean"]) for r in rows] == [
        ("vnet", 8.0),
        ("supervised", 2.0),
    ]
    assert rows[0]["shape_zyx"] == "16×24×32"


def test_figures_name_every_method_and_number_of_labels():
    accuracy = draw_accuracy(CELLS)
    for text in ("semietpicker", "mean_teacher", "2 labeled", "5 labeled", "F1@0.5"):
        assert text in accuracy
    assert "vnet" in draw_speed(CELLS)


def test_tables_are_written_as_tsv(tmp_path):
    paths = []
    for i, one in enumerate(CELLS):
        paths.append(tmp_path / f"{i}.json")
        paths[-1].write_text(one.model_dump_json())
    parsed = argument_parser(tables).parse_args(
        ["--cells", *map(str, paths), "--output", str(tmp_path / "out")]
    )
    tables.run(parsed)
    lines = (tmp_path / "out" / "table4_speed.tsv").read_text().splitlines()
    assert lines[1].split("\t")[:4] == ["vnet", "5", "8.000", ""]
    assert len(list((tmp_path / "out").glob("*.tsv"))) == 4


def argument_parser(verb):
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    return parser


def chosen(folder, *arguments):
    entries = [
        preprocessed(f"{split}_{i}", split)
        for split, count in (("labeled", 3), ("unlabeled", 4), ("test", 2))
        for i in range(count)
    ]
    write_manifest(folder / "all.json", entries)
    output = folder / "first.json"
    given = ["--manifests", str(folder / "all.json"), "--output", str(output)]
    choose.run(argument_parser(choose).parse_args([*given, *arguments]))
    return [entry.tomogram for entry in read_manifest(output).tomograms]


def test_the_first_tomograms_of_a_split_are_chosen(tmp_path):
    found = chosen(tmp_path, "--split", "labeled", "--number", "2")
    assert found == ["labeled_0", "labeled_1"]
    found = chosen(tmp_path, "--split", "unlabeled", "--number", "4")
    assert found == [f"unlabeled_{i}" for i in range(4)]


def test_more_labels_than_there_are_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="asks for 5 labeled tomograms, but there are"):
        chosen(tmp_path, "--split", "labeled", "--number", "5")
