import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from picker.__main__ import main
from picker.config import Config
from picker.project import launch

ROOT = Path(__file__).parents[3]


def test_a_new_project_has_what_the_command_needs(tmp_path):
    assert main(["init", str(tmp_path / "mine")]) == 0
    made = {
        str(p.relative_to(tmp_path / "mine"))
        for p in (tmp_path / "mine").rglob("*")
        if p.is_file()
    }
    assert made == {
        "Snakefile",
        "config.yaml",
        "tomograms.tsv",
        "local/config.yaml",
        "slurm/config.yaml",
    }


def test_its_settings_are_those_of_real_work(tmp_path):
    main(["init", str(tmp_path)])
    config = Config.model_validate(
        yaml.safe_load((tmp_path / "config.yaml").read_text())
    )
    assert config.tomograms.source == "table"
    assert config.model.preset == "full"
    assert config.train.patch_zyx == (90, 90, 90)
    assert (config.burn_in.steps, config.co_train.steps) == (5000, 5000)


def test_what_is_there_stays(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("mine")

    main(["init", str(tmp_path)])
    assert (tmp_path / "config.yaml").read_text() == "mine"
    assert "exists and is not changed" in capsys.readouterr().err


def test_snakemake_finds_the_workflow_from_there(tmp_path):
    main(["init", str(tmp_path)])
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--profile", "local", "--dry-run"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "tomograms.tsv" in done.stdout + done.stderr
    assert "has no rows" in done.stdout + done.stderr


def test_without_the_workflow_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(launch, "PACKAGE", tmp_path / "picker")
    assert main(["init", str(tmp_path / "mine")]) == 1
    assert "expected the workflow there, install" in capsys.readouterr().err


def test_the_command_that_the_readme_types_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, name = project["scripts"]["picker"].partition(":")
    assert getattr(importlib.import_module(module), name) is main


def test_every_rule_with_a_gpu_is_sent_where_there_are_some():
    rules, like = {}, {}
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"^(?=rule |use rule )", path.read_text(), flags=re.M):
            if derived := re.match(r"use rule (\w+) as (\w+) with:", rule):
                like[derived[2]] = derived[1]
            elif named := re.match(r"rule (\w+):", rule):
                rules[named[1]] = "gpu=1" in rule
    rules |= {name: rules[other] for name, other in like.items()}
    with_gpu = {name for name, wanted in rules.items() if wanted}
    assert {"train", "predict", "measure", "detect"} <= with_gpu
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    asked = profile["set-resources"]
    assert {name for name, values in asked.items() if "gpu" in values} == with_gpu
    assert {asked[name]["slurm_partition"] for name in with_gpu} == {"gpu"}
    assert all("attempt" in str(asked[name]["mem_mb"]) for name in asked)
