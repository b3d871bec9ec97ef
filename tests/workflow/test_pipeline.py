import json
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import mrcfile
import numpy as np
import psutil
import pytest
import torch
import zarr
from safetensors.torch import load_file

from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import read_picks, write_picks
from picker.formats.tables.star_table import read_comments
from picker.formats.volumes import ome_zarr
from picker.formats.volumes.mrc import write_volume
from picker.formats.volumes.read import read_mask
from picker.jobs.init import SNAKEFILE
from tests.workflow.project import ROOT, SMALL, Project

MODEL = ("semietpicker", "models", "co_train.safetensors")
"""What finds."""
CAPTIONS = (
    *("workflow", "page", "training", "label_next", "estimate", "metrics"),
    "by_tomogram",
)
"""Of what a run without halves or benchmark makes."""
BURN_IN = ("results/semietpicker/models/burn_in.safetensors",)
"""A target: the first stage of training."""


def test_every_promised_file_is_there(finished):
    results = finished.path()
    for name in ("report.html", "summary.txt", "settings/train.json"):
        assert (results / name).is_file(), name
    method = results / "semietpicker"
    names = [f"sim_{i:03d}" for i in range(5)]
    assert sorted(p.stem for p in (method / "picks").glob("*.star")) == names
    assert sorted(p.stem for p in (results / "tomograms").iterdir()) == names
    assert (method / "models" / "co_train.safetensors").is_file()
    targets = [path.name for path in (method / "export").iterdir()]
    assert sorted(targets) == SMALL["export"]["targets"]
    metrics = json.loads((method / "evaluation" / "metrics.json").read_text())
    assert set(metrics) >= {"f1@0.5", "f1@0.75", "kaggle_f4", "thresholds"}
    assert set(metrics["f1@0.5"]) == {"mean", "ribosome", "apo-ferritin"}
    label_next = (method / "label_next.tsv").read_text().splitlines()
    assert label_next[0].split("\t") == ["tomogram", "split", "mean_score", "picks"]
    assert {line.split("\t")[0] for line in label_next[1:]} == {"sim_002", "sim_003"}
    regions = (method / "label_next" / "regions.tsv").read_text().splitlines()
    assert regions[0].startswith("tomogram\tx\ty\tz\t")
    # Nothing is held out here, so nothing is known of what nobody picked.
    assert len((method / "estimate.tsv").read_text().splitlines()) == 1
    by_tomogram = (method / "evaluation" / "by_tomogram.tsv").read_text().splitlines()
    assert by_tomogram[0].split() == "tomogram particle right wrong missed f1".split()
    found = [int(v) for v in by_tomogram[1].split("\t")[2:5]]
    assert by_tomogram[1].startswith("sim_004\tall\t")
    assert found[0] + found[2] == sum(metrics["num_truth"].values())
    assert found[0] + found[1] == sum(metrics["num_picks"].values()) > 10
    assert "mean F1@0.5" in (results / "summary.txt").read_text()
    assert "mean F1@0.5" in finished.output
    page = (results / "report.html").read_text()
    assert "not real data" in page
    costs = page[page.index("Time and memory") :]
    for stage in ("preprocess", "burn in", "co train", "predict", "predict noisy"):
        assert f"<td>{stage}</td>" in costs


def test_the_status_page_says_that_the_run_has_ended(finished):
    page = finished.path("status.html")
    limit = time.monotonic() + 60  # another process writes it
    while "the run has ended" not in page.read_text() and time.monotonic() < limit:
        time.sleep(0.1)
    assert "the run has ended" in page.read_text()
    assert "<td>co_train</td>" in page.read_text()


def test_snakemakes_own_report_has_our_tables_and_their_captions(finished):
    before = sorted(path for path in finished.path().rglob("*") if path.is_file())
    finished.succeed("--report", "report.html")
    page = finished.folder / "report.html"
    text = page.read_text()
    page.unlink()
    for name in ("report.html", "by_tomogram.tsv", "metrics.json", "label_next.tsv"):
        assert name in text
    for caption in CAPTIONS:
        first = (ROOT / f"workflow/report/{caption}.rst").read_text().split("{{")[0]
        assert " ".join(first.split()[:5]) in text
    after = sorted(path for path in finished.path().rglob("*") if path.is_file())
    assert after == before


def test_validation_tomograms_tell_what_to_expect_of_the_others(project):
    project.change("simulate", validation=1)
    project.succeed("--until", "predict")
    results = project.path()
    # Nor has it a threshold with anything near it: this one halves the candidates.
    found = [
        read_picks(path).score
        for path in (results / "semietpicker" / "candidates").glob("*.star")
    ]
    middle = round(float(np.median(np.concatenate(found))), 4)
    names = ("ribosome", "apo-ferritin")
    project.change("pick", thresholds=dict.fromkeys(names, middle))
    project.succeed()
    lines = (results / "semietpicker" / "estimate.tsv").read_text().splitlines()
    assert {tuple(line.split("\t")[:2]) for line in lines[1:]} == {
        (split, name) for split in ("unlabeled", "test") for name in names
    }
    page = (results / "report.html").read_text()
    assert "where nobody has looked" in page
    folder = results / "semietpicker" / "label_next"
    lines = (folder / "regions.tsv").read_text().splitlines()[1:]
    named = {line.split("\t")[0] for line in lines}
    assert named
    for name in named:
        assert (folder / f"{name}.mod").is_file()
        assert read_mask(folder / f"{name}_mask.zarr", (24, 48, 56)).any()
    assert "Regions with the most picks" in page


def test_thresholds_rest_on_noisy_copies_too(finished):
    method = finished.path("semietpicker")
    names = sorted(p.stem for p in (method / "noisy").glob("*.star"))
    assert names == [f"sim_{i:03d}_{copy}" for i in (0, 1) for copy in (0, 1, 2)]
    labels = [read_picks(finished.path("labels", f"sim_{i:03d}.star")) for i in (0, 1)]
    thresholds = json.loads((method / "models" / "thresholds.json").read_text())
    for name, value in thresholds["particles"].items():
        assert value["num_truth"] == 4 * sum(len(p.of(name)) for p in labels)
    files = [*method.glob("noisy/*"), *method.glob("candidates/sim_00[01].star")]
    assert len({read_comments(path)["fingerprint"] for path in files}) == 8


def test_training_shows_its_progress(finished):
    assert re.search(r"burn_in 25/25 steps  loss [\d.]+", finished.output)
    assert "co_train 5/5 steps" in finished.output


def test_a_second_run_does_nothing(finished):
    assert "Nothing to be done" in finished.succeed()


def test_deleting_one_tomograms_picks_remakes_those_alone(copy):
    picks = copy.path("semietpicker", "picks")
    gone = picks / "sim_003.star"
    before = {p.name: p.stat().st_mtime_ns for p in picks.iterdir()}
    content = gone.read_text()
    gone.unlink()
    output = copy.succeed("--until", "pick")
    assert gone.read_text() == content
    changed = {
        p.name for p in picks.iterdir() if p.stat().st_mtime_ns != before[p.name]
    }
    assert changed == {"sim_003.star"}
    assert "stage=burn_in" not in output
    assert "rule predict" not in output


def state(project):
    """Return size and time of every file and folder; of Snakemake's own, of locks."""
    own = (project.folder / ".snakemake" / name for name in ("started", "locks"))
    paths = [path for one in (project.path(), *own) for path in one.rglob("*")]
    return {path: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in paths}


def test_a_dry_run_plans_what_the_next_run_does_and_changes_nothing(copy):
    copy.path("semietpicker", "picks", "sim_003.star").unlink()
    shutil.rmtree(copy.path("tomograms", "sim_002.zarr"))
    before = state(copy)
    planned = copy.succeed("--dry-run", "--quiet", "host")
    copy.succeed("--summary")
    assert state(copy) == before
    done = copy.succeed()
    plan, jobs = (
        sorted(re.findall(r"(?m)^(?:local)?rule (\w+):", text))
        for text in (planned, done)
    )
    assert "2 manifests name files that are gone or were changed" in planned
    assert plan == jobs
    assert {"preprocess", "predict", "pick", "finish"} <= set(jobs)
    assert "burn_in" not in jobs
    assert copy.jobs() == set()


def test_without_the_volumes_folder_nothing_is_planned_nor_forgotten(copy):
    """As when its disk is away for a moment."""
    volumes = copy.path("tomograms")
    volumes.rename(copy.folder / "away")
    before = state(copy)
    for arguments in (["--dry-run"], []):
        done = copy.run(*arguments)
        assert done.returncode != 0
        assert "the folder results/tomograms is gone" in done.stdout
        assert "mkdir -p results/tomograms" in done.stdout
        assert state(copy) == before
    (copy.folder / "away").rename(volumes)
    assert copy.jobs() == set()


@pytest.mark.parametrize(
    "deleted",
    [
        {"label_next.tsv": "pick"},
        {"estimate.tsv": "pick"},
        # None of them is made of another one.
        {
            "label_next": "label_next",
            "export/warp": "export",
            "evaluation/by_tomogram.tsv": "evaluate",
        },
        {"models/thresholds.json": "calibrate"},
    ],
)
def test_a_deleted_result_is_planned_again(copy, deleted):
    for name in deleted:
        path = copy.path("semietpicker", name)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    jobs = copy.jobs()
    assert jobs >= set(deleted.values())
    assert "predict" not in jobs


def test_deleting_one_tomograms_candidates_predicts_it_alone(copy):
    copy.path("semietpicker", "candidates", "sim_003.star").unlink()
    output = copy.succeed("--until", "pick")
    assert len(re.findall(r"sim_\d+: \d+ candidates", output)) == 1
    assert re.search(r"sim_003: \d+ candidates", output)


@pytest.mark.parametrize(
    ("section", "values", "runs", "rests"),
    [
        ("pick", {"thresholds": {"ribosome": 0.9}}, "pick", {"burn_in", "predict"}),
        ("export", {"user_id": "me"}, "export", {"burn_in", "predict", "pick"}),
        ("calibrate", {"noise": 0.5}, "predict_noisy", {"burn_in", "predict"}),
        ("predict", {"halo": 4}, "predict", {"burn_in", "co_train"}),
        ("co_train", {"steps": 6}, "co_train", {"burn_in", "preprocess"}),
        ("train", {"seed": 1}, "burn_in", {"preprocess", "simulate"}),
    ],
)
def test_a_setting_runs_its_own_stage_and_none_before(
    finished, tmp_path, section, values, runs, rests
):
    shutil.copytree(finished.folder, tmp_path / "copy")
    changed = Project(tmp_path / "copy", SMALL)
    changed.change(section, **values)
    jobs = changed.jobs()
    assert runs in jobs
    assert not jobs & rests


def test_settings_that_change_no_result_compute_nothing_again(copy):
    copy.change("train", checkpoint_every=7, num_workers=1)
    copy.change("tomograms", shard_size=1)
    output = copy.succeed("--until", "pick")
    assert "burn_in resumes at step 25" in output
    assert "co_train resumes at step 5" in output
    assert "starts again from the beginning" not in output
    assert not re.search(r"sim_\d+: \d+ candidates", output)


def test_training_may_begin_from_another_projects_model(finished, tmp_path):
    project = Project(tmp_path / "next one", SMALL)
    theirs = finished.path("semietpicker", "models", "co_train.safetensors")
    project.change("burn_in", start_from=str(theirs))
    output = project.succeed(*BURN_IN)
    assert "co_train with 2 classes, ribosome, apo-ferritin among them" in output
    plain, begun = (
        load_file(p.path("semietpicker", "models", "burn_in.safetensors"))
        for p in (finished, project)
    )
    assert not torch.equal(plain["head.weight"], begun["head.weight"])
    assert "burn_in" not in project.jobs()

    project.change("model", widths=[8, 16])
    done = project.run(*BURN_IN)
    assert done.returncode != 0
    assert f"cannot begin from {theirs}: " in done.stdout
    assert "expected a model of the same method, model.preset" in done.stdout


def test_a_typo_is_caught_before_anything_runs(project):
    project.change("train", sed=3)
    done = project.run()
    assert done.returncode != 0
    assert "train.sed: unknown setting" in done.stdout
    assert not project.path().exists()


def test_a_users_own_modules_never_stand_for_pythons(project, monkeypatch):
    """Neither in Snakemake, which puts the project's folder first, nor in the jobs."""
    snakefile = SNAKEFILE.format(root=json.dumps(str(ROOT / "Snakefile")))
    (project.folder / "Snakefile").write_text(snakefile)
    for name in ("json", "argparse", "csv", "random", "socket", "psutil", "zarr"):
        (project.folder / f"{name}.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    snakemake = Path(sys.executable).with_name("snakemake")
    done = subprocess.run(
        [snakemake, "--profile", ROOT / "profiles/local", "--until", "preprocess"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list(project.path("tomograms").iterdir())) == 5


def test_an_empty_part_of_pythonpath_is_not_the_projects_folder(project, monkeypatch):
    """As `export PYTHONPATH=lib:$PYTHONPATH` leaves it."""
    (project.folder / "argparse.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.setenv("PYTHONPATH", f"{project.folder / 'lib'}:")
    project.succeed("--until", "simulate")
    assert len(list(project.path("simulated").glob("*.mrc"))) == 5


def test_one_file_is_picked_without_the_pipeline(finished, tmp_path):
    """Both see the same voxels, in float16, and so give the same scores."""
    output = tmp_path / "picks.star"
    subprocess.run(
        [
            *(sys.executable, "-m", "picker", "predict"),
            *(
                "--model",
                finished.path("semietpicker", "models", "co_train.safetensors"),
            ),
            *(finished.path("simulated", "sim_004.mrc"), "--output", output),
            *("--settings", finished.path("settings", "predict.json")),
        ],
        check=True,
        cwd=ROOT,
    )
    alone = read_picks(output)
    piped = read_picks(finished.path("semietpicker", "picks", "sim_004.star"))
    assert len(piped) > 10
    assert alone.particle.tolist() == piped.particle.tolist()
    np.testing.assert_array_equal(alone.position_zyx, piped.position_zyx)
    np.testing.assert_array_equal(alone.score, piped.score)


def own_project(folder, finished, *, bad):
    """Return a project of MRC files and STAR picks, one tomogram of them bad."""
    folder.mkdir()
    lines = ["tomogram\tpath\tsplit\tpicks"]
    splits = ["labeled", "labeled", "unlabeled", "unlabeled", "test"]
    for i, split in enumerate(splits):
        name = f"sim_{i:03d}"
        shutil.copy(finished.path("simulated", f"{name}.mrc"), folder / f"{name}.mrc")
        shutil.copy(finished.path("simulated", f"{name}.star"), folder)
        picks = f"{name}.star" if split in ("labeled", "test") else ""
        lines.append(f"{name}\t{name}.mrc\t{split}\t{picks}")
    data = (folder / f"{bad}.mrc").read_bytes()
    (folder / f"{bad}.mrc").write_bytes(data[:-1000])
    (folder / "tomograms.tsv").write_text("\n".join(lines) + "\n")
    return Project(folder, SMALL | {"tomograms": {"source": "table"}})


@pytest.fixture(scope="module")
def damaged(finished, tmp_path_factory):
    """A project of files that ran to its end with sim_003 damaged."""
    folder = tmp_path_factory.mktemp("damaged") / "project"
    made = own_project(folder, finished, bad="sim_003")
    made.done = made.run()
    return made


def test_one_bad_tomogram_never_takes_the_others_down(damaged, finished, tmp_path):
    assert damaged.done.returncode != 0
    assert "1 of 5 tomograms could not be used" in damaged.done.stdout
    assert "sim_003.mrc is truncated" in damaged.done.stdout
    shutil.copytree(damaged.folder, tmp_path / "mine")
    mine = Project(tmp_path / "mine", damaged.config)
    found = {p.stem for p in mine.path("semietpicker", "picks").glob("*.star")}
    assert found == {"sim_000", "sim_001", "sim_002", "sim_004"}
    assert "is truncated" in mine.path("report.html").read_text()
    shutil.copy(finished.path("simulated", "sim_003.mrc"), mine.folder)
    output = mine.succeed()
    assert "stage=burn_in" not in output
    assert "stage=co_train" not in output
    assert len(re.findall(r"sim_\d+: \d+ candidates", output)) == 1


def test_one_bad_tomogram_behind_the_picks_never_takes_the_others_down(copy):
    copy.change("report", max_pictures=5)  # pages read the picks too
    bad = copy.path("semietpicker", "picks", "sim_003.star")
    good = bad.read_text()
    bad.write_text("no STAR")
    stages = ("export", "label_next", "evaluate", "report")
    done = copy.run("--forcerun", *stages)
    assert done.returncode != 0
    assert "1 of 5 tomograms could not be used" in done.stdout
    for stage in ("warp", "relion5", "label_next", "report"):
        assert f"sim_003 ({stage}): " in done.stdout
    assert copy.path("report.html").is_file()
    warp = {path.name for path in copy.path("semietpicker", "export", "warp").iterdir()}
    assert any(name.startswith("sim_002") for name in warp)
    assert not any(name.startswith("sim_003") for name in warp)
    bad.write_text(good)
    again = copy.succeed()  # what may have passed is tried again
    assert "rule pick" not in again
    assert any(copy.path("semietpicker", "export", "warp").glob("sim_003*"))


def test_a_newer_file_runs_its_shard_and_no_run_after_it_does(tmp_path):
    folder = tmp_path / "mine"
    shards = {"source": "table", "shard_size": 1}
    mine = Project(folder, SMALL | {"tomograms": shards})
    lines = ["tomogram\tpath\tsplit"]

    def add(name):
        volume = np.random.default_rng(0).standard_normal((24, 48, 56), np.float32)
        write_volume(folder / f"{name}.mrc", volume, 10.0)
        lines.append(f"{name}\t{name}.mrc\tpredict")
        (folder / "tomograms.tsv").write_text("\n".join(lines) + "\n")

    def preprocessed(*arguments):
        """Return the shards of a run; one after it has none."""
        said = mine.succeed("--until", "preprocess", *arguments)
        return set(re.findall(r"shard=(\S+)", said))

    add("a")
    add("d")
    first, second = sorted(preprocessed())
    assert preprocessed() == set()
    (folder / "d.mrc").touch()
    assert preprocessed("--dry-run") == preprocessed() == {first}
    assert preprocessed() == set()
    add("b")  # newer than its shard's rows, which are written again
    assert preprocessed() == {second}
    assert preprocessed() == set()


def test_a_chunk_changed_in_a_zarr_input_preprocesses_that_tomogram_alone(tmp_path):
    folder = tmp_path / "mine"
    mine = Project(folder, SMALL | {"tomograms": {"source": "table"}})
    lines = ["tomogram\tpath\tsplit\tpicks"]
    rng = np.random.default_rng(0)
    picks = picks_from_arrays([[100, 200, 300]], ["ribosome"], [1.0])
    for name in ("TS_1", "TS_2"):
        volume = rng.standard_normal((24, 48, 56), np.float32)
        ome_zarr.write_volume(folder / f"{name}.zarr", volume, 10.0, {})
        write_picks(folder / f"{name}.star", picks)
        lines.append(f"{name}\t{name}.zarr\tlabeled\t{name}.star")
    (folder / "tomograms.tsv").write_text("\n".join(lines) + "\n")
    mine.succeed("--until", "preprocess")
    before = {p.name: p.stat().st_mtime_ns for p in mine.path("tomograms").iterdir()}
    assert "rule preprocess" not in mine.succeed("--until", "preprocess")
    chunk = zarr.open_group(folder / "TS_2.zarr")["0"]
    chunk[:12] = 2 * chunk[:12]
    mine.succeed("--until", "preprocess")
    after = {p.name: p.stat().st_mtime_ns for p in mine.path("tomograms").iterdir()}
    assert {name for name in before if after[name] != before[name]} == {"TS_2.zarr"}


def test_a_volume_remade_before_a_kill_is_predicted_by_the_next_run(tmp_path):
    folder = tmp_path / "mine"
    mine = Project(folder, SMALL | {"tomograms": {"source": "table"}})
    rng = np.random.default_rng(0)
    picks = picks_from_arrays([[100, 200, 300]], ["ribosome"], [1.0])
    write_picks(folder / "TS_1.star", picks)
    for name in ("TS_1", "TS_2"):
        volume = rng.standard_normal((24, 48, 56), np.float32)
        write_volume(folder / f"{name}.mrc", volume, 10.0)

    def slab(low):
        lines = [
            "tomogram\tpath\tsplit\tpicks\tslab_z_low",
            "TS_1\tTS_1.mrc\tlabeled\tTS_1.star\t",
            f"TS_2\tTS_2.mrc\tpredict\t\t{low}",
        ]
        (folder / "tomograms.tsv").write_text("\n".join(lines) + "\n")

    slab(50)
    mine.succeed("--until", "predict")
    assert "rule predict" not in mine.succeed("--until", "predict")
    slab(90)
    mine.succeed("--until", "preprocess")  # then the run was killed
    jobs = mine.succeed("--until", "predict", "--dry-run")
    assert "rule predict:" in jobs
    assert "stage=burn_in" not in jobs


def test_a_bad_labeled_tomogram_stops_before_training(finished, tmp_path):
    mine = own_project(tmp_path / "mine", finished, bad="sim_001")
    done = mine.run()
    assert done.returncode != 0
    assert "labeled tomogram sim_001 cannot be used" in done.stdout
    assert not mine.path("semietpicker", "models").exists()


def test_test_labels_do_not_reach_the_models(damaged, finished, tmp_path):
    mine = own_project(tmp_path / "mine", finished, bad="sim_003")
    other = tmp_path / "mine" / "sim_004.star"
    write_picks(other, picks_from_arrays([[50, 50, 50]], ["ribosome"]))
    mine.succeed("--until", "calibrate")
    thresholds = json.loads(
        mine.path("semietpicker", "models", "thresholds.json").read_text()
    )
    known = thresholds["particles"].values()
    assert {value["source"] for value in known} == {"labeled"}
    models = [
        load_file(p.path("semietpicker", "models", "co_train.safetensors"))
        for p in (mine, damaged)
    ]
    assert all(torch.equal(models[0][k], models[1][k]) for k in models[0])
    assert thresholds == json.loads(
        damaged.path("semietpicker", "models", "thresholds.json").read_text()
    )


def test_supervised_trains_for_the_steps_of_both_stages(project):
    project.configure(SMALL | {"method": "supervised"})
    output = project.succeed("--until", "train")
    assert "burn_in 30/30" in output
    assert "stage=co_train" not in output
    assert project.path("supervised", "models", "burn_in.safetensors").is_file()


def test_a_method_that_trains_nothing_picks_all_the_same(project):
    project.configure(SMALL | {"method": "blobs"})
    output = project.succeed("--until", "pick")
    assert "rule train" not in output
    assert len(list(project.path("blobs", "picks").glob("*.star"))) == 5


def test_a_simulated_volume_can_be_opened_by_others(finished):
    with mrcfile.open(finished.path("simulated", "sim_000.mrc")) as file:
        assert file.data.shape == (24, 48, 56)
        assert float(file.voxel_size.x) == pytest.approx(10.0)


def test_lint_is_clean(project):
    assert "Congratulations" in project.succeed("--lint")


def test_a_voxel_size_from_the_settings_overrides_the_files(finished, tmp_path):
    mine = own_project(tmp_path / "mine", finished, bad="sim_003")
    with mrcfile.open(finished.path("simulated", "sim_003.mrc")) as file:
        volume = file.data.copy()
    write_volume(tmp_path / "mine" / "sim_003.mrc", volume, 1.0)
    table = tmp_path / "mine" / "tomograms.tsv"
    text = table.read_text().replace("split\tpicks", "split\tpicks\tvoxel_size")
    table.write_text(re.sub(r"(\tunlabeled\t)$", r"\1\t10.0", text, flags=re.M))
    mine.succeed("--until", "preprocess")
    manifest = mine.path("manifests", "preprocess", "unlabeled-0001of0001.json")
    sizes = {
        e["tomogram"]: (e["voxel_size"], e["state"])
        for e in json.loads(manifest.read_text())["tomograms"]
    }
    assert sizes == dict.fromkeys(("sim_002", "sim_003"), (10.0, "preprocessed"))


def test_two_processes_are_started_for_two_gpus_and_train_the_same(copy):
    # A few steps: training makes more of every rounding with each one.
    copy.configure(SMALL | {"burn_in": SMALL["burn_in"] | {"steps": 4}})
    weights = []
    for number in (1, 2):
        several = ("--set-resources", f"train:gpu={number}", "--resources", "gpu=2")
        output = copy.succeed(*several, "--forcerun", BURN_IN[0], "--", *BURN_IN)
        assert output.count("burn_in 4/4") == 1  # one process tells
        assert ("on 2 processes" in output) == (number == 2)
        model = copy.path("semietpicker", "models", "burn_in.safetensors")
        weights.append(load_file(model))
        model.unlink()
        copy.path("semietpicker", "checkpoints", "burn_in.pt").unlink()
    one, two = weights
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "more", [(), ("tasks=2", "gpu=2"), ("tasks=2", "mpi=srun", "gpu=3")]
)
def test_two_nodes_without_what_they_need_are_refused_with_the_way_to_do_it(
    project, more
):
    wanted = (f"train:{one}" for one in ("nodes=2", *more))
    done = project.run("--dry-run", "--set-resources", *wanted)
    assert done.returncode != 0
    assert "nodes is 2 for a training; expected beside it tasks: 2" in done.stdout
    assert "docs/cluster.md" in done.stdout


def test_other_volumes_train_anew_not_from_the_old_checkpoint(copy):
    copy.change("preprocess", clip="none")
    output = copy.succeed(*BURN_IN)
    assert "burn_in starts again from the beginning" in output
    assert "burn_in 25/25" in output


@pytest.fixture
def lock(project):
    path = project.folder / ".snakemake" / "locks" / "0.output.lock"
    path.parent.mkdir(parents=True)
    path.write_text("results/settings/train.json\n")
    return path


def write_note(project, host, pid, started, text=""):
    note = project.folder / ".snakemake" / "started" / f"{host}.{pid}.{started:.0f}.run"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(text)
    return note


HERE = socket.gethostname()
NOBODY = 2**22 + 1  # above the highest number that Linux gives


@pytest.mark.parametrize(("error", "removed"), [(0.0, False), (3600.0, True)])
def test_a_lock_goes_with_its_run_though_its_process_number_came_again(
    project, lock, error, removed
):
    me = psutil.Process()
    note = write_note(project, HERE, me.pid, me.create_time() - error)
    output = project.succeed("--dry-run")
    assert ("the next run removes its lock" in output) == removed
    assert lock.exists()
    assert note.exists()
    output = project.run("--until", "write_settings").stdout
    assert (f"process {me.pid} on {HERE} is at work" in output) != removed
    assert lock.exists() != removed
    assert note.exists() != removed


def test_a_lock_stays_while_one_of_those_who_may_have_taken_it_lives(project, lock):
    dead = write_note(project, HERE, NOBODY, 0)
    alive = write_note(project, "else.where", 1, 0)
    stranger = write_note(project, "a", "copy of", 0)
    done = project.run("--until", "write_settings")
    assert "process 1 on else.where is at work" in done.stdout
    assert "LockException" in done.stdout
    assert lock.exists()
    # a run that holds a lock of other files is not sent off by one that holds none
    project.succeed("--nolock", "--until", "write_settings")
    assert dead.exists()
    assert alive.exists()
    assert stranger.exists()
    project.succeed("--unlock")
    assert not list(alive.parent.iterdir())
    project.succeed("--until", "write_settings")


def test_under_a_run_that_lost_its_lock_nothing_is_tidied(copy):
    """Of two that share no file the first to end takes the locks of both with it."""
    me = psutil.Process()
    at_work = write_note(copy, HERE, me.pid, me.create_time(), "at work")
    (copy.path("semietpicker/candidates") / "sim_000.star").unlink()
    manifest = next(copy.path("semietpicker/manifests").glob("predict/labeled*.json"))
    copy.succeed("--until", "write_settings")
    assert manifest.exists()
    at_work.write_text("")  # only reads, such as `--summary` in a pager
    copy.succeed("--until", "write_settings")
    assert not manifest.exists()


def test_a_run_killed_as_soon_as_it_locks_leaves_no_lock_to_the_next(project):
    process = project.start("--until", "write_settings")
    locks = project.folder / ".snakemake" / "locks"
    while not list(locks.glob("*.lock")):
        assert process.poll() is None
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert list(locks.glob("*.lock"))
    assert "its lock is removed" in project.succeed("--until", "write_settings")
    assert not list(locks.glob("*.lock"))
    assert not list((project.folder / ".snakemake" / "started").iterdir())


def test_a_lock_that_nobody_speaks_for_stays(project, lock):
    assert "LockException" in project.run("--until", "write_settings").stdout
    assert lock.exists()
