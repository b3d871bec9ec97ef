"""The command for the table of performance, dry: tiny, so that it works on the day."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.workflow.project import ROOT

SCRIPT = ROOT / "tests/benchmarks/performance.py"
PARTS = ["prediction", "raw_file", "preprocessing", "program", "training", "planning"]


def run(*words, status=0):
    """Run the command where nothing is installed but what it imports."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, SCRIPT, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
        env=environment | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    path = tmp_path_factory.mktemp("performance") / "results.json"
    done = run("--toy", "--output", path, "--tomograms", 20)
    return path, done.stdout


@pytest.fixture
def modules(monkeypatch):
    """The command, and the room of its pages."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location("performance_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from on_cpu import pages

    return module, pages


def test_every_part_has_rows_and_none_fails(measured):
    report = json.loads(measured[0].read_text())
    assert (report["toy"], report["machine"]["threads"]) == (True, 1)
    assert list(report["parts"]) == PARTS
    for part in report["parts"].values():
        assert part["reason"] == ""
        assert part["load"] >= 0
        assert part["rows"]
    ratios = {row["name"]: row["ratios"] for row in report["parts"]["raw_file"]["rows"]}
    assert sum(map(bool, ratios.values())) == 4


def test_what_the_readme_shows_is_measured(measured, modules):
    script, pages = modules
    report = script.read_report(measured[0])
    for part, name in pages.SHORT.values():
        assert report.find(part, name), name
    assert "not measured" not in pages.short(report)
    assert len(pages.short(report).splitlines()) == 6


def test_the_table_has_every_row(measured):
    path, printed = measured
    text = run("--table", path, path).stdout
    assert "**Toy size: the figures mean nothing.**" in text
    for part in json.loads(path.read_text())["parts"].values():
        assert f"| **{part['title']}** |" in text
        for row in part["rows"]:
            assert f"| {row['name']} |" in text
            assert f"| {row['name']} |" in printed


def test_a_part_is_measured_again_by_itself_and_a_failed_one_takes_none_down(
    measured, modules, tmp_path, monkeypatch
):
    script, _ = modules
    path = tmp_path / "results.json"
    before = script.read_report(measured[0])
    script.write_report(path, before)
    failing = ["on_cpu.planning", "on_cpu.prediction"]

    def apart(name, arguments, tell):
        if f"on_cpu.{name}" in failing:
            tell({"name": "first", "rounds": [1.0], "ratios": [], "aim": None})
            tell({"reason": "no memory"})
            return "it ended with status 1"
        tell({"name": "again", "rounds": [1.0, 3.0, 2.0], "ratios": [], "aim": 1})
        return ""

    monkeypatch.setattr(script, "measure_apart", apart)
    monkeypatch.setattr(script.os, "getloadavg", lambda: (2.5, 0, 0))
    words = ["x", "--toy", "--output", str(path), "--parts", "planning,raw_file"]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(script, "machine", lambda: before.machine)
    assert script.main() == 1
    after = script.read_report(path)
    assert after.parts["planning"].reason == "no memory"
    assert [row.name for row in after.parts["planning"].rows] == ["first"]
    assert str(after.find("raw_file", "again")) == "2 (1 to 3)"
    for name in ("prediction", "preprocessing", "program", "training"):
        assert after.parts[name] == before.parts[name]
    text = script.markdown([after])
    assert "| failed: no memory; busy: load 2.5 at the start |" in text
    assert "| again | ≤ 1 | 2 (1 to 3) |" in text


def test_a_part_that_raises_says_why(modules, monkeypatch, tmp_path, capsys):
    script, _ = modules
    monkeypatch.setattr(script, "keep_freed_memory", lambda: None)
    words = ["--child", "planning", "--folder", tmp_path / "missing", "--tomograms", 20]
    monkeypatch.setattr(sys, "argv", ["x", *map(str, words)])
    assert script.main() == 1
    assert json.loads(capsys.readouterr().out)["reason"].startswith("FileNotFoundErr")


def test_a_program_starts_as_a_user_starts_it(modules, monkeypatch):
    del modules  # they have put the benchmarks on the path
    from programs import cost_of

    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.mmap_max=0")
    cost = cost_of("platform", "--terse")
    assert cost.text.startswith("Linux")
    assert 0 < cost.peak < 200
    printed = cost_of("timeit", "-n1", "-r1", "import os; print(os.environ)").text
    assert "PATH" in printed
    assert "GLIBC_TUNABLES" not in printed
    with pytest.raises(RuntimeError, match="No module named no_such_module"):
        cost_of("no_such_module")


def test_pages_show_the_last_three_machines_between_their_marks(
    measured, modules, tmp_path
):
    script, pages = modules
    report = replace(script.read_report(measured[0]), toy=False)
    folder = tmp_path / "docs/performance"
    folder.mkdir(parents=True)
    for year in range(2021, 2025):
        parts = {n: replace(p, date=f"{year}") for n, p in report.parts.items()}
        machine = report.machine | {"processor": f"of {year}"}
        one = replace(report, machine=machine, parts=parts)
        script.write_report(folder / f"{year}.json", one)
    for name in ("README.md", "docs/performance.md"):
        marked = f"before\n{pages.BEGIN}\nearlier figures\n{pages.END}\nafter\n"
        (tmp_path / name).write_text(marked)
    for _ in range(2):  # a second time nothing changes
        pages.write_pages(tmp_path)
        text = (tmp_path / "docs/performance.md").read_text()
        assert text.startswith(f"before\n{pages.BEGIN}\n| what | aim | of 2024, ")
        assert text.endswith(f"\n{pages.END}\nafter\n")
        assert text.count("- of 20") == 3
        assert "of 2021" not in text
        assert "earlier figures" not in text
        assert "of 2024, " in (tmp_path / "README.md").read_text()
    (tmp_path / "README.md").write_text("nothing")
    with pytest.raises(ValueError, match=r"README\.md has not once <!--"):
        pages.write_pages(tmp_path)


def test_the_pages_are_in_step_with_the_machines_that_were_measured(modules):
    _, pages = modules
    shown = {
        ROOT / "docs/performance.md": pages.markdown,
        ROOT / "README.md": lambda reports: pages.short(reports[0]),
    }
    measured = list((ROOT / "docs/performance").glob("*.json"))
    reports = pages.last_reports(ROOT / "docs/performance") if measured else []
    for path, text in shown.items():
        page = path.read_text(encoding="utf-8")
        assert pages.replaced(path, "")  # the marks are there
        if reports:
            assert pages.replaced(path, text(reports)) == page, "run `make bench-pages`"


def test_figures_of_toy_size_are_on_no_page(measured, modules, tmp_path):
    _, pages = modules
    (tmp_path / "toy.json").write_text(measured[0].read_text())
    with pytest.raises(ValueError, match=r"toy\.json is of toy size"):
        pages.last_reports(tmp_path)
    (tmp_path / "toy.json").unlink()
    with pytest.raises(ValueError, match="measure a machine first"):
        pages.last_reports(tmp_path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--parts", "raw_file,row"], "there is no part row; expected some of predict"),
        (["--toy"], "--toy needs --output"),
        (["--table", "other.json"], "is no result of tests/benchmarks/performance.py"),
        (
            ["--parts", "planning", "--output", "toy.json"],
            "toy.json has toy True; expected False, this run's",
        ),
    ],
)
def test_what_cannot_be_is_told(
    measured, modules, tmp_path, monkeypatch, capsys, words, said
):
    script, _ = modules
    (tmp_path / "other.json").write_text('{"parts": []}')
    (tmp_path / "toy.json").write_text(measured[0].read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["x", *words])
    with pytest.raises(SystemExit):
        script.main()
    assert said in capsys.readouterr().err
