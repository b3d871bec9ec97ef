"""The script for a GPU, dry: tiny, on a CPU, so that it works the day there is one."""

import argparse
import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.workflow.project import ROOT

SCRIPT = ROOT / "tests/benchmarks/gpu.py"
CHECKS = 16


def run(*words, status=0):
    """Run the script where nothing is installed but what it imports."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    # Warnings are errors in tests, and torch's own are not this script's.
    environment |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, SCRIPT, *words],
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
        env=environment,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    path = tmp_path_factory.mktemp("gpu") / "results.json"
    run("--toy", "--output", path)
    return path


def rows(path, section):
    found = json.loads(path.read_text())["results"]
    return [row for row in found if row["section"] == section]


def test_every_section_gives_results_and_none_fails(results):
    report = json.loads(results.read_text())
    assert set(report) == {
        *("command", "date", "minutes", "toy", "code", "machine", "results"),
    }
    assert report["toy"] is True
    assert report["machine"]["torch"] == torch.__version__
    assert report["machine"]["GPU"] is None
    assert set(report["code"]) == {"picker", "commit", "digest"}
    for row in report["results"]:
        assert set(row) == {"section", "table", "name", "status", "values", "reason"}
        assert row["status"] in ("measured", "skipped"), row
    assert {row["section"] for row in report["results"]} == {
        *("checks", "speed", "micrographs", "accuracy"),
    }


def test_without_a_gpu_its_checks_are_skipped_and_none_has_passed(results):
    found = rows(results, "checks")
    assert len(found) == CHECKS
    assert {(r["status"], r["reason"]) for r in found} == {("skipped", "needs a GPU")}
    assert all(row["values"] == {} for row in found)


def test_accuracy_has_f1_of_each_class_method_and_network(results):
    for way in ("calibrated", "best thresholds on test"):
        found = {
            row["name"]: row["values"]
            for row in rows(results, "accuracy")
            if row["table"] == f"F1@0.5, {way}"
        }
        methods = ("supervised", "semietpicker", "supervised_full")
        names = {f"{size} {m}" for size in ("small", "medium") for m in methods}
        assert names <= set(found)
        for name in names:
            assert found[name]["steps"] == 4
            assert {"mean", "barrel", "capsid"} <= set(found[name])


def test_speed_has_both_numbers_of_views_and_ratios(results):
    found = {(r["table"], r["name"]): r["values"] for r in rows(results, "speed")}
    shard = "a shard of stored volumes to candidates on disk"
    for views in ("one view", "four views"):
        assert found[shard, f"{views}, round 1"]["wall a tomogram [s]"] > 0
    ratios = [value for values in found.values() for value in values if "/" in value]
    assert "heatmap, MONAI / ours" in ratios
    assert ratios.count("real / resident") == 2
    assert ratios.count("cut on the CPU / resident") == 2


def test_micrographs_have_f1_of_every_way(results):
    found = {row["name"]: row["values"] for row in rows(results, "micrographs")}
    ways = ("blobs, then labels", "labels", "labels, no denoising")
    assert set(found) == {"blobs alone", *(f"default, {way}" for way in ways)}
    assert all({"F1", "precision", "recall"} <= set(v) for v in found.values())
    assert "pretrain [s]" in found["default, blobs, then labels"]
    assert "pretrain [s]" not in found["default, labels"]


def test_the_table_has_every_result(results):
    text = run("--table", results).stdout
    assert "**Toy size: the figures mean nothing.**" in text
    for row in json.loads(results.read_text())["results"]:
        assert f"**{row['section']}: {row['table']}**" in text
        assert f"| {row['name']} |" in text
    assert "passed" not in text
    assert text.count("needs a GPU") == CHECKS + 2  # two are of the GPU's own time


def test_a_file_of_something_else_is_no_table(tmp_path):
    other = tmp_path / "other.json"
    other.write_text('{"results": []}')
    said = run("--table", other, status=2).stderr
    assert f"{other} is no result of tests/benchmarks/gpu.py" in said
    assert "name that or measure again" in said


def test_unknown_sections_are_named(tmp_path):
    output = tmp_path / "results.json"
    said = run("--toy", "--output", output, "--sections", "speed,sped", status=2).stderr
    assert (
        "there is no section sped; expected some of checks,speed,micrographs,accuracy"
        in said
    )
    assert not output.exists()


def test_without_a_gpu_only_toys_are_measured(tmp_path):
    said = run("--output", tmp_path / "results.json", status=2).stderr
    assert "torch finds no GPU; expected one, or --toy" in said


@pytest.fixture
def script(monkeypatch):
    """The script as a module."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location("gpu_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_section_whose_time_is_up_is_stopped_and_has_failed(
    script, tmp_path, monkeypatch
):
    monkeypatch.setattr(script, "AT_END", 0.0)
    arguments = argparse.Namespace(output=tmp_path / "results.json", toy=True)
    found = []
    script.run_section("accuracy", 0.1, arguments, found.append)
    (row,) = found
    assert (row.section, row.status) == ("accuracy", "failed")
    assert row.reason.endswith("its 0 s were up")


def test_a_failed_check_is_told_apart_in_the_table(script):
    values = {"voxels that differ": 3}
    names = {"section": "checks", "table": "t", "values": values}
    report = script.Report(
        command="c",
        date="d",
        minutes=1,
        toy=False,
        code={},
        machine={"GPU": "some", "driver": None},
        results=(
            script.Result(**names, name="a", status="passed"),
            script.Result(**names, name="b", status="failed", reason="x | y"),
        ),
    )
    assert script.markdown(report).splitlines() == [
        "GPU some, date d; `c`.",
        "",
        "**checks: t**",
        "",
        "| what | status | voxels that differ | why |",
        "| --- | --- | --- | --- |",
        "| a | passed | 3 |  |",
        "| b | failed | 3 | x \\| y |",
    ]


def lost():
    raise RuntimeError("the GPU fell off the bus")


@pytest.mark.parametrize(
    ("function", "seconds", "status", "reason"),
    [
        (lambda: (True, {"n": np.float32(1)}), 100, "passed", ""),
        (lambda: (False, {"n": float("nan")}), 100, "failed", ""),
        (lost, 100, "failed", "RuntimeError: the GPU fell off the bus"),
        (lambda: (True, {}), 5, "skipped", "5 s were left; raise --minutes"),
    ],
)
def test_a_check_on_a_gpu_says_what_it_found(
    script, monkeypatch, tmp_path, capsys, function, seconds, status, reason
):
    del script  # it has put the sections on the path
    from on_gpu.section import Section

    monkeypatch.setattr(Section, "on_gpu", True)
    section = Section(name="checks", folder=tmp_path, seconds=seconds, toy=False)
    section.check("t", "one", function, seconds=10)
    result = json.loads(capsys.readouterr().out)
    assert (result["status"], result["reason"]) == (status, reason)
