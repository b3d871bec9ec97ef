"""The recipes of containers: the same image, from files that there are."""

from __future__ import annotations

import re

import yaml

from tests.workflow.project import ROOT

PODMAN = (ROOT / "envs/Containerfile").read_text()
APPTAINER = (ROOT / "envs/picker.def").read_text()
SNAKEFILE = (ROOT / "Snakefile").read_text()


def copied(lines):
    """Return the files and folders that lines of sources and a target name."""
    return {name for line in lines for name in line.split()[:-1]}


def test_both_install_the_pinned_lists_and_the_package():
    files = re.search(r"(?s)%files\n(.*?)\n\n", APPTAINER)[1].splitlines()
    ours = copied(re.findall(r"(?m)^COPY (.+)$", PODMAN))
    assert ours == copied(files)
    assert {"envs", "picker", "workflow", "Snakefile", "setup.py"} < ours
    assert all((ROOT / name).exists() for name in ours)
    base = re.search(r"FROM (\S+)", PODMAN)[1]
    assert f"From: {base}\n" in APPTAINER
    for lists, text in (("${LIST}", PODMAN), ("{{ list }}", APPTAINER)):
        assert f"envs/{lists}.txt" in text
        assert "pip install --no-cache-dir --no-deps --no-build-isolation ." in text
    assert (
        re.findall(r"(?mi)^(?:ARG)? +list=(\w+)$", PODMAN + APPTAINER) == ["cuda"] * 2
    )


def test_the_slurm_profile_has_the_lines_that_use_it():
    text = (ROOT / "profiles/slurm/config.yaml").read_text()
    lines = re.findall(r"(?m)^# ((?:software|apptainer)-[\w-]+: .+)$", text)
    assert yaml.safe_load("\n".join(lines)) == {
        "software-deployment-method": "apptainer",
        "apptainer-args": "--nv",
    }
    image = re.search(r'(?m)^container: "(.+)"$', SNAKEFILE)[1]
    assert f": {image} in the project's folder" in text
