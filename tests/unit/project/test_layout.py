"""What lies where is a promise: users, docs and other programs know these paths."""

from pathlib import Path

import pytest

from picker.project.layout import Results, cost_file, picks_file, volume_file

RUN = Results().run("semietpicker")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (Results().record, "run.json"),
        (Results().report, "report.html"),
        (Results().pages, "report"),
        (Results().summary, "summary.txt"),
        (Results().settings("train"), "settings/train.json"),
        (Results().rows("test-0001of0001"), "settings/tomograms/test-0001of0001.json"),
        (Results().simulated("sim_000"), "simulated/sim_000.mrc"),
        (Results().simulated_truth("sim_000"), "simulated/sim_000.star"),
        (Results().volumes, "tomograms"),
        (Results().labels, "labels"),
        (Results().masks, "masks"),
        (Results().noise, "noise"),
        (Results().preprocessed("s"), "manifests/preprocess/s.json"),
        (Results().log("preprocess", "s"), "logs/preprocess/s.log"),
        (Results().cost("preprocess", "s"), "benchmarks/preprocess/s.tsv"),
        (Results().benchmark, "benchmark"),
        (
            Results().cell(5, 0, "vnet").measured,
            "benchmark/cells/5_labeled/seed_0/vnet/cell.json",
        ),
        (Results().seed_settings(3), "benchmark/settings/seed_3/train.json"),
        (RUN.folder, "semietpicker"),
        (RUN.model("burn_in"), "semietpicker/models/burn_in.safetensors"),
        (RUN.model("co_train"), "semietpicker/models/co_train.safetensors"),
        (RUN.table("co_train"), "semietpicker/models/co_train.tsv"),
        (RUN.checkpoint("co_train"), "semietpicker/checkpoints/co_train.pt"),
        (RUN.thresholds, "semietpicker/models/thresholds.json"),
        (RUN.candidates, "semietpicker/candidates"),
        (RUN.noisy_candidates, "semietpicker/noisy"),
        (RUN.detections, "semietpicker/detections"),
        (RUN.noisy_detections, "semietpicker/noisy/detections"),
        (RUN.half_detections, "semietpicker/halves/detections"),
        (
            RUN.detected(RUN.predicted("s")),
            "semietpicker/manifests/detect/predict/s.json",
        ),
        (RUN.detected(RUN.noisy), "semietpicker/manifests/detect/noisy.json"),
        (RUN.picks, "semietpicker/picks"),
        (RUN.predicted("s"), "semietpicker/manifests/predict/s.json"),
        (RUN.half_candidates, "semietpicker/halves"),
        (RUN.halves("s"), "semietpicker/manifests/halves/s.json"),
        (RUN.reproducibility, "semietpicker/reproducibility.tsv"),
        (RUN.noisy, "semietpicker/manifests/noisy.json"),
        (RUN.picked, "semietpicker/manifests/pick.json"),
        (RUN.failed("export/warp"), "semietpicker/manifests/export/warp.json"),
        (RUN.ranking, "semietpicker/label_next.tsv"),
        (RUN.estimate, "semietpicker/estimate.tsv"),
        (RUN.regions, "semietpicker/label_next"),
        (RUN.regions_table, "semietpicker/label_next/regions.tsv"),
        (RUN.metrics, "semietpicker/evaluation/metrics.json"),
        (RUN.curves, "semietpicker/evaluation/curves.tsv"),
        (RUN.by_tomogram, "semietpicker/evaluation/by_tomogram.tsv"),
        (RUN.export("warp"), "semietpicker/export/warp"),
        (RUN.log("export", "warp"), "logs/semietpicker/export/warp.log"),
        (RUN.cost("predict", "s"), "benchmarks/semietpicker/predict/s.tsv"),
    ],
)
def test_every_path_is_where_it_always_was(path, expected):
    assert path == f"results/{expected}"


def test_a_run_is_a_folder_of_any_depth_with_the_same_inside():
    cell = Results("/data/results").run("benchmark/5_labeled/seed_0/vnet")
    assert cell.picked == (
        "/data/results/benchmark/5_labeled/seed_0/vnet/manifests/pick.json"
    )
    assert cell.log("pick") == (
        "/data/results/logs/benchmark/5_labeled/seed_0/vnet/pick.log"
    )


def test_a_cell_knows_its_method_labels_and_seed():
    cell = Results().cell(5, 0, "mean_teacher")
    assert (cell.method, cell.cell) == ("mean_teacher", (5, 0))
    assert (RUN.method, RUN.cell) == ("semietpicker", None)
    assert Results().run(cell.name) == cell


def test_a_wildcard_is_a_name_as_any_other():
    pattern = Results().run("{run}").predicted("{shard}")
    assert pattern.format(run="vnet", shard="s") == Results().run("vnet").predicted("s")


def test_files_of_a_tomogram():
    folder = Path("somewhere")
    assert volume_file(folder, "TS_1.2") == Path("somewhere/TS_1.2.zarr")
    assert picks_file(folder, "TS_1.2") == Path("somewhere/TS_1.2.star")
    assert picks_file(folder, "TS_1", 0) == Path("somewhere/TS_1_0.star")
    assert picks_file(folder, "TS_1", "odd") == Path("somewhere/TS_1_odd.star")
    assert cost_file(folder, "vnet", "pick") == Path("somewhere/vnet/pick.tsv")


@pytest.mark.parametrize(
    "claimed",
    [
        Results().preprocessed("s"),
        RUN.predicted("s"),
        RUN.noisy,
        RUN.halves("s"),
        RUN.detected(RUN.halves("s")),
        RUN.detected(RUN.noisy),
        RUN.picked,
        RUN.checkpoint("burn_in"),
        RUN.regions,
        RUN.export("warp"),
        Results().cell(5, 0, "vnet").checkpoint("burn_in"),
        Results().cell(5, 0, "vnet").predicted("s"),
    ],
)
def test_whatever_a_job_claims_lies_in_a_folder_of_claims(tmp_path, claimed):
    (tmp_path / claimed).parent.mkdir(parents=True)
    folders = {f for one in Results().claim_folders() for f in tmp_path.glob(one)}
    assert (tmp_path / claimed).parent in folders
