"""The conda environments hold what the requirement files do, and need none of them."""

from __future__ import annotations

import pytest
import yaml

from tests.workflow.project import ROOT

ENVS = sorted((ROOT / "envs").glob("*.yaml"))


def pins(path):
    """Return the requirements of a file and of those that it names, in order."""
    found = []
    for line in path.read_text().splitlines():
        if line.startswith("-r "):
            found += pins(path.with_name(line.removeprefix("-r ")))
        elif line and not line.startswith("#"):
            found.append(line)
    return found


def test_there_is_one_for_cpus_and_one_for_gpus():
    assert [path.name for path in ENVS] == ["picker-cpu.yaml", "picker-cuda.yaml"]


@pytest.mark.parametrize("path", ENVS, ids=lambda path: path.name)
def test_an_environment_is_self_contained_and_has_the_same_pins(path):
    """Snakemake copies it elsewhere before conda reads it: no file is beside it."""
    content = yaml.safe_load(path.read_text())
    (pip,) = [one["pip"] for one in content["dependencies"] if isinstance(one, dict)]
    requirements = path.with_name(f"{path.stem.removeprefix('picker-')}.txt")
    expected = pins(requirements)
    assert expected
    assert pip == expected, f"copy the lines of {requirements} into {path}"
    assert all("==" in line for line in pip)


def test_the_gpus_environment_has_the_gpu_build_of_torch():
    text = ENVS[1].read_text()
    assert "nvidia-cudnn" in text
    assert "whl/cpu" not in text
    assert "+cpu" not in text
