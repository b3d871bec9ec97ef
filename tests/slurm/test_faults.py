"""Whatever goes wrong, the same command continues and ends with the same picks."""

import contextlib
import json
import os
import random
import shutil
import subprocess
import time

import pytest
import torch
from safetensors.torch import load_file

from picker.training.checkpoint import load_checkpoint
from tests.slurm.cluster import until
from tests.slurm.conftest import CONFIG, METHOD, SPLITS, Project

BURN_IN = "results/semietpicker/models/burn_in.safetensors"
"""A target: the first stage of training."""

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]


def same_weights(one, two, model):
    """Return whether two projects' models are equal to the last bit."""
    a, b = (load_file(p.path(METHOD, "models", model)) for p in (one, two))
    return all((a[name] == b[name]).all() for name in a)


def test_the_documented_command_runs_everything_on_the_cluster(undisturbed):
    assert undisturbed.path("report.html").is_file()
    assert "mean F1@0.5" in undisturbed.path("summary.txt").read_text()
    picks = undisturbed.picks()
    assert len(picks) == len(SPLITS)
    assert min(len(score) for _, _, score in picks.values()) > 10
    assert len({tuple(score) for _, _, score in picks.values()}) == len(SPLITS)
    assert "Nothing to be done" in undisturbed.succeed()


def test_no_more_jobs_than_shards_and_stages(undisturbed):
    submitted = undisturbed.output.count("has been submitted with SLURM jobid")
    shards = json.loads(undisturbed.path("run.json").read_text())["shards"]
    assert len(shards) == 4  # labeled, test, two of unlabeled
    # burn_in, co_train, predict_noisy, calibrate, pick, label_next, evaluate, export,
    # report
    assert submitted == 2 * len(shards) + 9


def test_a_killed_snakemake_leaves_jobs_that_are_not_run_twice(
    trained, undisturbed, cluster
):
    trained.start()
    trained.wait_for_candidates(2)
    orphans = cluster.running("predict")
    trained.kill()
    assert orphans
    before = trained.candidate_times()
    output = trained.succeed()
    assert "was killed: its lock is removed" in output
    assert trained.picks() == undisturbed.picks()
    after = trained.candidate_times()
    assert {name: after[name] for name in before} == before
    # What the orphans wrote after the kill was not written again either: a shard's
    # manifest is younger than all of its candidates, and nobody touched them since.
    assert "has been submitted" not in trained.succeed()
    assert trained.candidate_times() == after


def test_jobs_of_a_killed_run_that_still_wait_are_cancelled(
    trained, undisturbed, cluster
):
    """Each would delete its shard's manifest when its turn comes."""
    # Three nodes of two GPUs: one shard of four must wait.
    trained.start("--set-resources", "predict:gpu=2")
    trained.wait_for_candidates(1)
    waiting = set(cluster.jobs("pending"))
    trained.kill()
    assert waiting
    output = trained.succeed()
    assert " not at work are cancelled" in output
    ended = {number: state for number, (state, *_) in cluster.jobs().items()}
    assert {ended[number] for number in waiting} == {"CANCELLED"}
    assert trained.picks() == undisturbed.picks()
    assert "has been submitted" not in trained.succeed()


def test_killed_again_and_again_at_random_it_ends_the_same(trained, undisturbed):
    moments = random.Random(0)
    valid = {}
    for _ in range(5):
        trained.start()
        time.sleep(moments.uniform(2, 15))
        trained.kill()
        now = trained.candidate_times()
        assert {name: now[name] for name in valid} == valid
        valid = now
    trained.succeed()
    now = trained.candidate_times()
    assert {name: now[name] for name in valid} == valid
    assert trained.picks() == undisturbed.picks()


def test_a_cancelled_shard_is_submitted_again(trained, undisturbed, cluster):
    trained.start()
    trained.wait_for_candidates(1)
    before = trained.candidate_times()
    cancelled = cluster.running("predict")
    subprocess.run(["scancel", *cancelled], check=True)
    assert trained.finish() == 0
    assert cancelled
    after = trained.candidate_times()
    assert {name: after[name] for name in before} == before
    assert trained.picks() == undisturbed.picks()


def test_a_lost_node_costs_only_the_tomogram_in_work(trained, undisturbed, cluster):
    trained.start()
    trained.wait_for_candidates(1)
    before = trained.candidate_times()
    numbers = cluster.running("predict")
    node = cluster.jobs()[numbers[0]][1]
    assert cluster.kill_node(node)
    time.sleep(20)  # longer than SlurmdTimeout: the controller calls it down
    cluster.start_node(node)
    assert trained.finish(400) == 0
    until(lambda: node in cluster.idle(), 60, f"{node} is back")
    after = trained.candidate_times()
    assert {name: after[name] for name in before} == before
    assert trained.picks() == undisturbed.picks()


def test_training_goes_on_after_time_limit_requeue_and_a_cut_checkpoint(
    fresh, cluster, undisturbed, tmp_path
):
    steps = {"steps": 600, "warmup_steps": 5}
    fresh.change("burn_in", **steps)
    fresh.change("train", checkpoint_every=50)
    shutil.copytree(fresh.folder, tmp_path / "whole")
    checkpoint = fresh.path(METHOD, "checkpoints", "burn_in.pt")
    fresh.start("--set-resources", "train:runtime=1", "--", BURN_IN)
    until(lambda: checkpoint.with_suffix(".pt.previous").exists(), 200, "checkpoints")
    # Preempted: the job goes back to the queue with the same number.
    (number,) = cluster.running("train")
    subprocess.run(["scontrol", "requeue", number], check=True)
    until(lambda: not cluster.running("train"), 60, "requeued")
    stopped = load_checkpoint(checkpoint)["step"]
    assert stopped > 0
    # A node died while it wrote: the checkpoint before is the last good one.
    os.truncate(checkpoint, checkpoint.stat().st_size // 2)
    assert fresh.finish(600) == 0
    log = fresh.path("logs", METHOD, "burn_in.log").read_text()
    # On a slow machine the time limit may fall between the last step and the model:
    # then the last job has no step left, and the checkpoint must hold them all.
    assert "burn_in 600/600" in log or "burn_in resumes at step 600" in log
    assert load_checkpoint(checkpoint)["step"] == 600
    whole = type(fresh)(tmp_path / "whole")
    whole.succeed("--", BURN_IN)
    assert same_weights(fresh, whole, "burn_in.safetensors")


def test_a_time_limit_loses_no_step(fresh, cluster):
    """Slurm sends SIGTERM, and kills after KillWait; the checkpoint comes first."""
    fresh.change("burn_in", steps=100_000)
    fresh.change("train", checkpoint_every=100_000)
    fresh.start("--set-resources", "train:runtime=1", "--", BURN_IN)
    log = fresh.path("logs", METHOD, "burn_in.log")
    seen = []

    def says(words):
        # Snakemake deletes the log of a job that it submits again.
        with contextlib.suppress(FileNotFoundError):
            seen.append(log.read_text())
        return seen and words in seen[-1]

    until(lambda: says("stopped by"), 240, "time limit")
    step = load_checkpoint(fresh.path(METHOD, "checkpoints", "burn_in.pt"))["step"]
    assert f"stopped by SIGTERM at step {step} of 100000" in seen[-1]
    until(lambda: says("resumes at step"), 240, "submitted again")
    assert f"burn_in resumes at step {step}" in seen[-1]


def test_a_damaged_tomogram_is_tried_again_alone(copy, undisturbed):
    """The preprocessed volume of one tomogram is lost to a flaky disk."""
    for part in ("candidates", "picks"):
        copy.path(METHOD, part, "sim_005.star").unlink()
    chunk = next(copy.path("tomograms", "sim_005.zarr").rglob("c/0/0/0"))
    good = chunk.read_bytes()
    chunk.write_bytes(b"noise" + good[5:40])
    failed = copy.run()
    assert failed.returncode != 0
    assert "1 of 12 tomograms could not be used" in failed.stdout
    assert "sim_005" in copy.path("report.html").read_text()
    expected = undisturbed.picks()
    found = copy.picks()
    assert found == {k: v for k, v in expected.items() if k != "sim_005"}
    before = copy.candidate_times()
    chunk.write_bytes(good)
    copy.succeed()
    assert copy.picks() == expected
    after = copy.candidate_times()
    assert {name for name in after if after[name] != before.get(name)} == {"sim_005"}


def test_a_full_disk_is_told_and_loses_nothing(trained, undisturbed):
    candidates = trained.path(METHOD, "candidates")
    candidates.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", candidates]
    subprocess.run(mount, check=True)
    try:
        failed = trained.run("--retries", "0")
        assert failed.returncode != 0
        logs = trained.path("logs", METHOD, "predict").glob("*.log")
        assert any("No space left on device" in log.read_text() for log in logs)
        assert not list(candidates.glob(".*"))  # nothing half written
        for path in candidates.glob("*.star"):
            assert path.read_text().endswith("\n")
    finally:
        subprocess.run(["umount", candidates], check=True)
    trained.succeed()
    assert trained.picks() == undisturbed.picks()


def test_two_tomograms_of_one_name_stop_before_any_job(fresh, cluster):
    table = fresh.folder / "tomograms.tsv"
    table.write_text(table.read_text().replace("sim_004\t", "sim_003\t"))
    before = set(cluster.jobs())
    done = fresh.run()
    assert done.returncode != 0
    assert "tomogram sim_003 stands in line 5 already" in done.stdout
    # Slurm forgets old ones meanwhile; none is new.
    assert set(cluster.jobs()) <= before


def test_a_replaced_input_is_noticed_though_it_is_older(undisturbed, fresh, tomograms):
    shutil.copytree(undisturbed.path(), fresh.path(), dirs_exist_ok=True)
    shutil.copytree(undisturbed.folder / ".snakemake", fresh.folder / ".snakemake")
    own = fresh.folder.parent / "tomograms"
    table = fresh.folder / "tomograms.tsv"
    table.write_text((undisturbed.folder / "tomograms.tsv").read_text())
    moved = own / "sim_011.mrc"
    text = table.read_text().replace(f"{tomograms}/sim_010.mrc", str(moved))
    table.write_text(text)
    os.utime(moved, (1e9, 1e9))
    before = fresh.candidate_times()
    fresh.succeed()
    after = fresh.candidate_times()
    assert {name for name in after if after[name] != before[name]} == {"sim_010"}
    # The same volume, so the same picks, under the other's name.
    assert fresh.picks()["sim_010"] == fresh.picks()["sim_011"]
    assert fresh.picks()["sim_011"] == undisturbed.picks()["sim_011"]


def test_status_says_what_runs_and_what_failed(trained, cluster):
    def status():
        words = ["-m", "picker", "status", "--results", trained.path()]
        done = subprocess.run(
            [trained.command()[0], *words], capture_output=True, text=True, check=True
        )
        return done.stdout

    # So many windows that jobs are at work for longer than it takes to look at them.
    trained.change("predict", window_zyx=[8, 8, 8])
    trained.start("--retries", "0")
    told = []

    def is_told():
        told.append(status())
        return any(f"Slurm job {n}, " in told[-1] for n in cluster.running("predict"))

    until(is_told, 120, "a running job is told")
    subprocess.run(["scancel", *cluster.running("predict")], check=True)
    trained.finish()
    assert "failed   " not in told[-1]
    text = status()
    assert "failed   predict" in text
    assert "running  predict" not in text


def test_training_on_two_nodes_gives_the_weights_of_one(undisturbed, tmp_path):
    shutil.copytree(undisturbed.folder, tmp_path / "project", symlinks=True)
    project = Project(tmp_path / "project")
    shutil.rmtree(project.path(METHOD, "checkpoints"))
    alone = load_file(project.path(METHOD, "models", "burn_in.safetensors"))
    wanted = (
        *("gpu=2", "nodes=2", "tasks=2", "tasks_per_gpu=0", "mpi=srun"),
        "slurm_extra='--gpus-per-node=1'",
    )
    project.succeed(
        *("--forcerun", BURN_IN),
        *("--set-resources", *(f"train:{one}" for one in wanted)),
        *("--", BURN_IN),
    )
    log = project.path("logs", METHOD, "burn_in.log").read_text()
    assert "burn_in on 2 processes" in log
    assert log.count(f"burn_in {CONFIG['burn_in']['steps']}/") == 1
    both = load_file(project.path(METHOD, "models", "burn_in.safetensors"))
    assert alone.keys() == both.keys()
    for name, value in alone.items():
        # bfloat16 rounds at 1e-2, differently in each order of the sums
        torch.testing.assert_close(both[name], value, rtol=5e-2, atol=5e-2)
