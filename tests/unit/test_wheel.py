"""A built wheel has all that a project needs, without a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.workflow.project import ROOT

BUILT_FROM = (
    *("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"),
    *("Snakefile", "picker", "workflow", "profiles", "envs"),
)


def run(folder, *words, **environment):
    """Return what a command prints, in a folder."""
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a folder with the content of a wheel, as pip unpacks it."""
    source = tmp_path_factory.mktemp("source")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copyfile(ROOT / name, source / name)
    left = source / "workflow/__pycache__/common.txt"
    left.parent.mkdir()
    left.touch()
    options = ["--no-deps", "--no-build-isolation", "--no-index"]
    run(source, "-m", "pip", "wheel", "--quiet", *options, ".")
    (wheel,) = source.glob("*.whl")
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    return site


def test_a_project_of_an_installed_wheel_plans_its_run(installed, tmp_path):
    where = {"PYTHONPATH": str(installed)}
    run(tmp_path, "-m", "picker", "init", "mine", **where)
    mine = tmp_path / "mine"
    included = (mine / "Snakefile").read_text()
    assert f'include: "{installed}/picker/pipeline/Snakefile"' in included
    (mine / "a.mrc").touch()
    (mine / "tomograms.tsv").write_text("tomogram\tpath\tsplit\na\ta.mrc\tpredict\n")
    words = "--profile local --dry-run --config method=blobs"
    said = run(mine, "-m", "snakemake", *words.split(), **where)
    assert "preprocess" in said
    assert "This was a dry-run" in said
    code = "import picker; print(picker.__file__)"
    assert run(mine, "-c", code, **where).startswith(str(installed))


def test_it_has_what_is_no_python_and_nothing_else(installed):
    found = {name for name in files(installed) if "dist-info" not in name}
    assert found == {
        name if name.startswith("picker/") else f"picker/pipeline/{name}"
        for folder in ("picker", "workflow", "profiles", "envs")
        for name in (f"{folder}/{file}" for file in files(ROOT / folder))
    } | {"picker/pipeline/Snakefile"}


def files(folder):
    """Return the paths of a folder's files, but for what Python keeps for itself."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
