import json
import logging
import os
import stat
from pathlib import Path

import pytest

from picker.project import orphans
from picker.project.claims import claim_path
from picker.project.orphans import cancel_idle_orphans

RUN = "picker_0a1b2c3d-0000-4000-8000-00000000000"


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """A pretended Slurm: squeue prints a file, scancel deletes lines of it."""
    monkeypatch.setattr(orphans, "PATIENCE", 0.2)
    tools, file = tmp_path / "bin", tmp_path / "queue"
    tools.mkdir()
    for name, body in {
        "squeue": f'cat "{file}"',
        "scancel": f"""
            for n; do sed -i "/^$n /d" "{file}"; done; echo "$@" >> "{file}.log"
        """,
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")

    def fill(*jobs):
        file.write_text("".join(f"{job}\n" for job in jobs))

    fill.lines = lambda: file.read_text().splitlines()
    fill.cancelled = lambda: file.with_name("queue.log").read_text().split()
    fill.tools = tools
    return fill


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "a project"
    (folder / "results/semietpicker/manifests/predict").mkdir(parents=True)
    return folder


def claim(result, job):
    result.parent.mkdir(parents=True, exist_ok=True)
    owner = {"host": "node7", "pid": 1, "job": job}
    claim_path(result).write_text(json.dumps(owner))


def test_jobs_that_wait_or_have_no_claim_are_cancelled(queue, project):
    results = project / "results"
    claim(results / "semietpicker/manifests/predict/test-0001of0001.json", "11")
    claim(
        results / "benchmark/cells/2_labeled/seed_0/vnet/checkpoints/burn_in.pt", "12"
    )
    queue(
        f"11 R {RUN}1 {project}",
        f"12 R {RUN}1 {project}",
        f"13 R {RUN}1 {project}",
        f"14 PD {RUN}2 {project}",
    )
    assert cancel_idle_orphans(project, results) == (2, 2)
    assert queue.cancelled() == ["13", "14"]
    assert len(queue.lines()) == 2


@pytest.mark.parametrize(
    "where", ["semietpicker/label_next", "semietpicker/export/relion5"]
)
def test_every_stage_s_claim_is_found(queue, project, where):
    claim(project / "results" / where, "11")
    queue(f"11 R {RUN}1 {project}")
    assert cancel_idle_orphans(project, project / "results") == (0, 1)


def test_a_requeued_training_that_waits_is_cancelled_though_its_claim_is_young(
    queue, project
):
    claim(project / "results/semietpicker/checkpoints/burn_in.pt", "11")
    queue(f"11 PD {RUN}1 {project}")
    assert cancel_idle_orphans(project, project / "results") == (1, 0)


def test_other_jobs_are_let_alone(queue, project, monkeypatch):
    monkeypatch.chdir(project)
    jobs = (
        f"11 R {RUN}1 {project.parent}/another",
        f"12 PD my run of picker {project}",
        f"13 R picker {project}",
        f"14 R {RUN}1 ",
    )
    queue(*jobs)
    assert cancel_idle_orphans(Path(), Path("results")) == (0, 0)
    assert queue.lines() == list(jobs)


def test_what_stays_after_all_is_told(queue, project, caplog):
    (queue.tools / "scancel").write_text("#!/bin/sh\n")
    queue(f"11 PD {RUN}1 {project}")
    with caplog.at_level(logging.WARNING, "picker"):
        assert cancel_idle_orphans(project, project / "results") == (1, 0)
    assert "11: cancelled, but not ended yet" in caplog.text


def test_a_queue_that_does_not_answer_stops_nothing(queue, project, caplog):
    (queue.tools / "squeue").write_text("#!/bin/sh\nexit 1\n")
    with caplog.at_level(logging.WARNING, "picker"):
        assert cancel_idle_orphans(project, project / "results") == (0, 0)
    assert "could not be asked" in caplog.text


def test_without_slurm_nothing_is_asked(project, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert cancel_idle_orphans(project, project / "results") == (0, 0)
