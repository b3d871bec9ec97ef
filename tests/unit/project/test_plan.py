import os
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from picker.config import Config, PickSettings, TomogramRow
from picker.config.methods import METHODS
from picker.project.layout import Results
from picker.project.plan import found_rows, planned, simulated_rows

CONFIG = Config.model_validate(
    {
        "method": "vnet",
        "particles": [{"name": "ribosome", "radius": 120}],
        "tomograms": {"source": "table", "shard_size": 2},
        "export": {"targets": ["relion5", "warp"]},
    }
)
PICKS = (Path("picks.star"),)


def row(name, split, picks=(), **more):
    path = Path(f"{name}.mrc")
    return TomogramRow(tomogram=name, path=path, split=split, picks=picks, **more)


def plan(*rows):
    return planned(CONFIG, rows, Results())


LABELED = row("a", "labeled", PICKS)
UNLABELED = row("b", "unlabeled")
TEST = row("c", "test", PICKS)
PARTIAL = row("p", "partial", PICKS)
REVIEWED = row("r", "reviewed", PICKS)


def test_all_that_a_run_makes():
    whole = plan(LABELED, UNLABELED, TEST)
    shards = [f"{split}-0001of0001" for split in ("labeled", "unlabeled", "test")]
    assert list(whole.shards) == shards
    assert whole.every_manifest() == [
        *(f"results/manifests/preprocess/{shard}.json" for shard in shards),
        *(f"results/vnet/manifests/predict/{shard}.json" for shard in shards),
        *(
            f"results/vnet/manifests/{name}.json"
            for name in (
                *("noisy", "pick", "report", "export/relion5", "export/warp"),
                *("evaluate", "label_next"),
            )
        ),
    ]
    assert whole.every_result() == [
        f"results/vnet/{name}"
        for name in (
            *("models/thresholds.json", "label_next.tsv", "estimate.tsv"),
            *("export/relion5", "export/warp", "evaluation/metrics.json"),
            *("evaluation/curves.tsv", "evaluation/by_tomogram.tsv", "label_next"),
        )
    ]


def test_without_truth_and_with_nothing_left_to_label_less_is_made():
    small = plan(LABELED)
    assert (small.evaluation(), small.regions()) == ([], [])
    names = [Path(path).name for path in small.failed()]
    assert names == ["report.json", "relion5.json", "warp.json"]
    assert not any("label_next/" in path for path in small.every_result())


def test_a_method_that_takes_unlabeled_particles_for_background_is_refused():
    rows = [LABELED, row("p", "partial", PICKS), row("q", "partial", PICKS)]
    of = {name: CONFIG.model_copy(update={"method": name}) for name in METHODS}
    with pytest.raises(ValueError, match=r"deepfindet takes.*2 tomograms.*\(p is the"):
        planned(of["deepfindet"], rows, Results())
    assert planned(of["deepfindet"], [LABELED], Results()).rows == (LABELED,)
    for name in ("deepfindet", "tomopicker_pn"):
        with pytest.raises(ValueError, match=rf"{name} takes.* 1 tomograms .*reviewed"):
            planned(of[name], [LABELED, REVIEWED], Results())
    rows.append(REVIEWED)
    # One that is not trained, and those that see partial tomograms.
    for name in ("blobs", "semietpicker", "multi_view", "supervised_full", "fpn"):
        planned(of[name], rows, Results())
    for name in ("yolo_slices", "faster_rcnn_slices", "upicker"):
        planned(of[name], rows, Results())
    cell = planned(CONFIG, rows, Results()).of("benchmark/cells/1_labeled/seed_0/vnet")
    for split in ("partial", "reviewed"):
        assert split in " ".join(cell.labeled("burn_in"))
    other = planned(CONFIG, rows, Results()).of(
        "benchmark/cells/1_labeled/seed_0/deepfindet"
    )
    with pytest.raises(ValueError, match=r"method deepfindet .* Change method, or"):
        other.labeled("burn_in")


def test_thresholds_that_would_rest_on_answers_alone_are_refused():
    rows = [REVIEWED, UNLABELED, TEST]
    with pytest.raises(ValueError, match=r"method vnet .* reviewed, test, unlabeled, "):
        plan(*rows)
    blobs = CONFIG.model_copy(update={"method": "blobs"})
    planned(blobs, rows, Results())
    plan(UNLABELED)
    for split in ("labeled", "partial", "validation"):
        plan(*rows, row("k", split, PICKS))


@pytest.mark.parametrize(
    ("rows", "feedback", "evaluated", "known"),
    [
        ([LABELED], "labeled", "validation", False),
        ([LABELED, row("d", "test")], "labeled", "validation", False),
        ([LABELED, TEST], "labeled", "test", True),
        ([LABELED, row("v", "validation", PICKS)], "validation", "validation", True),
        ([LABELED, row("v", "validation", PICKS), TEST], "validation", "test", True),
        ([PARTIAL], "partial", "partial", True),
        ([PARTIAL, row("d", "test")], "partial", "partial", True),
        ([PARTIAL, TEST], "partial", "test", True),
        ([PARTIAL, LABELED], "labeled", "partial", True),
        # Answers are about candidates that somebody chose: no thresholds rest on them.
        ([REVIEWED, LABELED], "labeled", "validation", False),
        ([REVIEWED, PARTIAL], "partial", "partial", True),
        ([PARTIAL, row("v", "validation", PICKS)], "validation", "validation", True),
    ],
)
def test_what_thresholds_and_figures_rest_on(rows, feedback, evaluated, known):
    found = plan(*rows)
    assert (found.feedback, found.evaluated) == (feedback, evaluated)
    assert found.truth_is_known == known
    noisy = "results/vnet/manifests/noisy.json" in found.every_manifest()
    assert noisy == (feedback == "labeled")  # held-out ones need no noise


def test_a_partial_tomogram_is_left_to_be_labeled_on():
    for unfinished in (PARTIAL, REVIEWED):
        assert plan(LABELED, unfinished).regions() == ["results/vnet/label_next"]
    assert not plan(LABELED, TEST).regions_are_left


def test_rounds_of_answers_are_those_beside_the_runs_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = Path("reviewed/round_2/tomograms.tsv")
    settings = CONFIG.tomograms.model_copy(update={"table": table})
    reviewed = planned(
        CONFIG.model_copy(update={"tomograms": settings}), [LABELED], Results()
    )
    assert reviewed.rounds() == []
    table.parent.mkdir(parents=True)
    rounds = Path("reviewed/rounds.tsv")
    rounds.write_text("round\ttable\nround_1\ttomograms.tsv\n")
    assert reviewed.rounds() == []
    with rounds.open("a") as file:
        file.write("round_2\treviewed/round_1/tomograms.tsv\n")
    assert reviewed.rounds() == ["reviewed/rounds.tsv"]
    # Nor is a table one that lies beside it.
    rounds.rename("rounds.tsv")
    assert plan(LABELED).rounds() == []
    simulated = settings.model_copy(update={"source": "simulate"})
    other = CONFIG.model_copy(update={"tomograms": simulated})
    assert planned(other, [LABELED], Results()).rounds() == []


def test_a_shard_depends_on_every_file_of_its_rows():
    masked = row("m", "labeled", (Path("p1"), Path("p2")), mask="mask.mrc")
    files = plan(LABELED, masked).files("labeled-0001of0001")
    assert files == ["a.mrc", "picks.star", "m.mrc", "p1", "p2", "mask.mrc"]
    assert plan(LABELED).files("of another table") == []


def test_jobs_have_the_tomograms_that_their_run_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = plan(LABELED, TEST)
    whole.write_found()  # a table's rows are read again, as nobody else changes them
    with pytest.raises(FileNotFoundError):
        found_rows(Results())
    arriving = CONFIG.tomograms.model_copy(update={"source": "folder"})
    config = CONFIG.model_copy(update={"tomograms": arriving})
    planned(config, [LABELED, TEST], Results()).write_found()
    assert found_rows(Results()) == (LABELED, TEST)


@pytest.fixture
def on_disk(tmp_path, monkeypatch):
    """Two tomograms of one shard, whose rows were written ten seconds after them."""
    monkeypatch.chdir(tmp_path)
    whole = plan(row("a", "predict"), row("b", "predict"))
    rows = tmp_path / whole.results.rows(PREDICT)
    rows.parent.mkdir(parents=True)
    rows.write_text(whole.rows_text(PREDICT) + "\n")
    for path, seconds in ((Path("a.mrc"), 90), (Path("b.mrc"), 90), (rows, 100)):
        path.touch()
        os.utime(path, (seconds, seconds))
    return whole


PREDICT = "predict-0001of0001"


def test_a_file_is_an_input_once_it_is_newer_than_its_shards_rows(on_disk):
    assert on_disk.newer_files(PREDICT) == []
    os.utime("b.mrc", (101, 101))
    assert on_disk.newer_files(PREDICT) == ["b.mrc"]
    assert on_disk.newer_files("of-another-table") == []


def test_a_new_link_to_an_old_file_and_a_missing_file_are_inputs(on_disk):
    Path("a.mrc").unlink()
    assert on_disk.newer_files(PREDICT) == ["a.mrc"]
    Path("a.mrc").symlink_to("b.mrc")
    assert on_disk.newer_files(PREDICT) == ["a.mrc"]


def test_rows_that_are_written_again_answer_for_all_files(on_disk):
    """Else the run after it would see fewer inputs, and run the shard once more."""
    os.utime("b.mrc", (101, 101))
    other = plan(row("a", "predict"), row("b", "predict", voxel_size=10.0))
    assert other.newer_files(PREDICT) == []
    Path(on_disk.results.rows(PREDICT)).unlink()
    assert on_disk.newer_files(PREDICT) == []


def test_a_file_is_an_input_if_rows_alone_were_written_after_it(on_disk):
    """Rows written again with the same content are unchanged to the workflow."""
    manifest = Path(on_disk.results.preprocessed(PREDICT))
    manifest.parent.mkdir(parents=True)
    manifest.touch()
    os.utime(manifest, (90, 90))
    os.utime("a.mrc", (80, 80))
    os.utime("b.mrc", (95, 95))
    assert on_disk.newer_files(PREDICT) == ["b.mrc"]


def test_phantoms_are_inputs_for_other_jobs_make_them():
    counts = dict.fromkeys(("labeled", "validation", "unlabeled"), 0) | {"test": 1}
    given = CONFIG.model_dump(mode="json") | {"simulate": counts}
    given["tomograms"]["source"] = "simulate"
    config = Config.model_validate(given)
    whole = planned(config, simulated_rows(config, Results()), Results())
    files = ["results/simulated/sim_000.mrc", "results/simulated/sim_000.star"]
    assert whole.newer_files("test-0001of0001") == files


def test_rows_are_written_without_defaults_and_read_with_them():
    whole = plan(row("a", "predict", voxel_size=10.0))
    text = whole.rows_text(PREDICT)
    said = '[{"tomogram":"a","path":"a.mrc","split":"predict","voxel_size":10.0}]'
    assert text == said
    (read,) = TypeAdapter(list[TomogramRow]).validate_json(text)
    assert read == whole.rows[0]


def test_a_splits_digest_changes_with_its_list_alone():
    more = row("e", "unlabeled")
    one, other = plan(LABELED, UNLABELED), plan(LABELED, UNLABELED, more)
    turned = plan(more, UNLABELED, TEST)
    assert one.names_digest("unlabeled") != other.names_digest("unlabeled")
    assert turned.names_digest("unlabeled") == other.names_digest("unlabeled")
    assert one.names_digest("labeled") == other.names_digest("labeled")
    assert plan().names_digest("unlabeled") == "00000000"


def test_a_shard_is_read_from_halves_too():
    halves = {"even": Path("even.mrc"), "odd": Path("odd.mrc")}
    found = plan(row("a", "labeled", PICKS, mask=Path("m.mrc"), **halves))
    assert found.files("labeled-0001of0001") == [
        *("a.mrc", "picks.star", "m.mrc", "even.mrc", "odd.mrc")
    ]


def test_phantoms_are_still_to_be_made_and_their_truth_is_known():
    counts = {"labeled": 2, "validation": 1, "unlabeled": 1, "test": 1}
    given = CONFIG.model_dump(mode="json") | {"simulate": counts}
    rows = simulated_rows(Config.model_validate(given), Results())
    assert [(r.tomogram, r.split) for r in rows] == [
        ("sim_000", "labeled"),
        ("sim_001", "labeled"),
        ("sim_002", "validation"),
        ("sim_003", "unlabeled"),
        ("sim_004", "test"),
    ]
    assert rows[3].path == Path("results/simulated/sim_003.mrc")
    assert rows[3].picks == (Path("results/simulated/sim_003.star"),)
    assert rows[3].halves == ()
    given["simulate"]["halves"] = True
    rows = simulated_rows(Config.model_validate(given), Results())
    assert rows[3].even == Path("results/simulated/even/sim_003.mrc")
    assert rows[3].odd == Path("results/simulated/odd/sim_003.mrc")
    assert rows[3].voxel_size is None
    assert plan(*rows).place("sim_003") == 3


def test_what_a_run_says_of_itself():
    record = plan(LABELED, UNLABELED, TEST).record()
    assert (record.method, record.tomograms, record.noisy) == ("vnet", 3, True)
    assert (record.evaluated, record.targets) == (True, ("relion5", "warp"))
    assert set(record.shards.values()) == {1}


def test_without_labels_a_method_of_its_own_threshold_is_calibrated_on_nothing():
    """By all candidates it knows which model they are of; no copies are made."""
    config = CONFIG.model_copy(update={"method": "blobs"})
    alone = planned(config, (UNLABELED, TEST), Results())
    run = alone.of("blobs")
    assert alone.copies is None
    assert run.calibrated_on() == run.candidates()
    assert run.own_threshold() == "--method blobs"
    with_labels = planned(config, (LABELED, UNLABELED), Results()).of("blobs")
    assert UNLABELED.split not in "".join(with_labels.calibrated_on())
    assert plan(UNLABELED).of("vnet").calibrated_on() == []
    assert plan(LABELED).of("vnet").own_threshold() == ""


@pytest.mark.parametrize(
    ("context", "rows", "said"),
    [
        ({"membrane": {"all": [0, 9]}}, [LABELED, TEST], "of a, where thresholds are"),
        (
            {"membrane": {"all": [0, 9]}},
            [row("a", "labeled", PICKS, membranes="m.mrc"), LABELED],
            "membrane filters .* of a, where thresholds .*folder.membranes; or set",
        ),
        ({"gold": {"all": [9, None]}}, [LABELED], "expected preprocess.avoid_gold"),
        ({"gold": {"all": [9, None]}}, [TEST], "of any tomogram"),
        (
            {"faces": {"all": [9, None]}},
            [row("a", "labeled", PICKS, slab_z_low=9), row("b", "labeled", PICKS)],
            "faces filters by what is not known of b",
        ),
    ],
)
def test_a_filter_by_what_cannot_be_known_is_refused_before_training(
    context, rows, said
):
    def settings(**more):
        sections = {
            "preprocess": CONFIG.preprocess.model_copy(update={"find_slab": False}),
            "pick": PickSettings(context=context | more),
        }
        return CONFIG.model_copy(update=sections)

    with pytest.raises(ValueError, match=said):
        planned(settings(), rows, Results())
    assert planned(settings(unknown="keep"), rows, Results())


def test_a_filter_may_be_unknown_where_no_threshold_is_chosen():
    """That tomogram fails alone."""
    pick = PickSettings(context={"membrane": {"all": (0, 9)}, "faces": {"all": (0, 9)}})
    config = CONFIG.model_copy(update={"pick": pick})
    known = row("a", "labeled", PICKS, membranes="m.mrc")
    assert planned(config, [known, TEST, UNLABELED], Results())
    assert planned(config, [row("d", "predict", membranes="m.mrc"), TEST], Results())
