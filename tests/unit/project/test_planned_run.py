import os
from pathlib import Path

import pytest

from picker.config import Config, TomogramRow
from picker.project.layout import Results
from picker.project.plan import planned
from picker.project.planned_jobs import planned_jobs

SETTINGS = {
    "method": "semietpicker",
    "particles": [{"name": "ribosome", "radius": 120}],
    "tomograms": {"source": "table", "shard_size": 1},
    "benchmark": {
        "methods": ["vnet", "mean_teacher", "semietpicker", "supervised_full"],
        "labeled": [1, 2],
        "seeds": [0, 3],
        "unlabeled": 1,
    },
}
ROWS = tuple(
    TomogramRow(
        tomogram=f"{split}_{i}",
        path=Path(f"{split}_{i}.mrc"),
        split=split,
        picks=() if split == "predict" else (Path("picks.star"),),
    )
    for split, number in (("labeled", 2), ("unlabeled", 2), ("test", 1), ("predict", 1))
    for i in range(number)
)


def plan(*rows, **more):
    return planned(Config.model_validate(SETTINGS | more), rows or ROWS, Results())


def cell(method, labeled=1, seed=3, **more):
    found = plan(**more)
    return found.of(found.results.cell(labeled, seed, method).name)


def stems(paths):
    return [Path(path).stem for path in paths]


def test_the_settings_run_sees_every_shard_of_a_split():
    ours = plan().of("semietpicker")
    labeled = [s for s in plan().shards if s.startswith("labeled-")]
    assert labeled
    assert stems(ours.labeled("burn_in")) == labeled
    assert ours.unlabeled("burn_in") == []
    unlabeled = [s for s in plan().shards if s.startswith("unlabeled-")]
    assert stems(ours.unlabeled("co_train")) == unlabeled
    assert stems(ours.candidates()) == list(plan().shards)


def test_a_cell_sees_the_first_tomograms_and_is_judged_by_test_alone():
    one = cell("mean_teacher", labeled=2)
    assert stems(one.labeled("burn_in")) == ["labeled-first2"]
    assert stems(one.unlabeled("co_train")) == ["unlabeled-first1"]
    assert stems(one.candidates()) == ["test-0001of0001"]
    assert stems(one.calibrated_on()) == ["labeled-first2", "noisy"]
    both = cell("supervised_full", labeled=2)
    assert stems(both.labeled("burn_in")) == ["labeled-first2", "unlabeled-first1"]


def test_without_a_number_a_cell_sees_all_unlabeled_tomograms():
    benchmark = SETTINGS["benchmark"] | {"unlabeled": None}
    one = cell("mean_teacher", benchmark=benchmark)
    assert stems(one.unlabeled("co_train")) == [
        s for s in plan().shards if s.startswith("unlabeled-")
    ]


def test_methods_that_share_a_stage_train_it_once():
    first = "results/benchmark/cells/1_labeled/seed_3/mean_teacher/models"
    for method in ("mean_teacher", "semietpicker"):
        assert cell(method).before("co_train") == [f"{first}/burn_in.safetensors"]
    (own,) = cell("semietpicker").models()
    assert own.endswith("seed_3/semietpicker/models/co_train.safetensors")
    (alone,) = cell("vnet").models()  # another stage of the same name
    assert alone.endswith("seed_3/vnet/models/burn_in.safetensors")
    ours = plan().of("semietpicker").before("co_train")
    assert ours == ["results/semietpicker/models/burn_in.safetensors"]


def test_a_cell_trains_with_its_own_seed():
    read = cell("semietpicker").training_settings("burn_in")
    assert read[0] == "results/benchmark/settings/seed_3/train.json"
    assert stems(read) == [
        *("train", "particles", "model", "preprocess", "burn_in", "partial"),
    ]
    ours = plan().of("semietpicker").training_settings("co_train")
    names = ("train", "co_train", "partial")
    assert ours == [f"results/settings/{name}.json" for name in names]


def test_a_stage_reads_no_settings_that_it_does_not_use():
    def read(**co_train):
        ours = plan(co_train=co_train).of("semietpicker")
        return stems(ours.training_settings("co_train"))

    assert read(schedule="continue") == ["train", "co_train", "partial", "burn_in"]
    assert read(schedule="restart") == ["train", "co_train", "partial"]
    thresholds = ["train", "co_train", "partial", "predict", "calibrate", "pick"]
    assert read(pseudo_labels="picks") == read(trusted_only=True) == thresholds


def test_another_projects_model_begins_the_first_stage_alone():
    ours = plan(burn_in={"start_from": "other.safetensors"}).of("semietpicker")
    assert ours.start_from("burn_in") == ["other.safetensors"]
    assert ours.start_from("co_train") == []


def test_what_finds_is_named_by_its_models_or_by_the_method():
    ours = plan().of("semietpicker")
    assert ours.finds() == "--model results/semietpicker/models/co_train.safetensors"
    assert plan().of("blobs").finds() == "--method blobs"
    assert stems(plan().of("blobs").finding_settings()) == [
        *("predict", "particles", "preprocess", "blobs"),
    ]


def test_a_method_that_finds_by_density_maps_reads_them():
    particles = [{"name": "a", "radius": 60, "density": "maps/a.mrc"}]
    found = plan(particles=particles)
    assert found.of("template").density_maps() == ["maps/a.mrc"]
    assert found.of("blobs").density_maps() == []


def test_manifests_of_all_cells_are_held_against_the_disk():
    found = plan()
    assert len(found.cells()) == 4 * 2 * 2
    manifests = found.cells_manifests()
    assert len(manifests) == len(set(manifests))
    one = "results/benchmark/cells/1_labeled/seed_0/vnet/manifests"
    assert {f"{one}/pick.json", f"{one}/predict/labeled-first1.json"} <= set(manifests)


BLOBS = {"pretrain": {"proposals": "blobs"}}


def test_pre_training_comes_first_where_the_settings_say_so():
    assert plan().of("semietpicker").before("burn_in") == []
    ours = plan(**BLOBS).of("semietpicker")
    assert [stage.name for stage in ours.row.stages] == [
        *("pretrain", "burn_in", "co_train"),
    ]
    assert plan(**BLOBS).record().stages == ("pretrain", "burn_in", "co_train")
    assert stems(ours.before("burn_in")) == ["pretrain"]
    # Where somebody labels does not train it again; its proposals do.
    assert {s.split("-")[0] for s in stems(ours.unlabeled("pretrain"))} == {
        *("labeled", "unlabeled"),
    }
    assert ours.labeled("pretrain") == []
    assert len(ours.unlabeled_digests("pretrain")) == len(ours.row.stages[0].proposed)
    read = ("train", "particles", "model", "preprocess", "pretrain", "blobs", "predict")
    assert stems(ours.training_settings("pretrain")) == list(read)
    assert stems(ours.training_settings("burn_in")) == ["train", "burn_in", "partial"]


def test_methods_that_share_pre_training_train_it_once():
    first = "results/benchmark/cells/1_labeled/seed_3/mean_teacher/models"
    found = cell("semietpicker", **BLOBS).before("burn_in")
    assert found == [f"{first}/pretrain.safetensors"]


def test_density_maps_make_proposals_of_the_first_stage_alone():
    mapped = {
        "particles": [{"name": "ribosome", "radius": 120, "density": "80S.mrc"}],
        "pretrain": {"proposals": "template"},
    }
    ours = plan(method="self_trained", **mapped).of("self_trained")
    assert ours.proposed_by("pretrain") == ["80S.mrc"]
    assert ours.proposed_by("self_train") == []
    assert plan(**BLOBS).of("semietpicker").proposed_by("pretrain") == []


def test_a_method_that_trains_without_labels_has_a_threshold_of_its_own():
    unlabeled = [row for row in ROWS if row.split == "unlabeled"]
    ours = plan(*unlabeled, method="self_trained", **BLOBS).of("self_trained")
    assert ours.calibrated_on() == ours.candidates()
    assert ours.own_threshold() == "--method self_trained"
    assert stems(ours.models()) == ["self_train"]
    nothing = [row for row in ROWS if row.split in ("test", "predict")]
    with pytest.raises(ValueError, match=r"split unlabeled, and none of 2 is; give"):
        plan(*nothing, method="self_trained", **BLOBS)
    # Answers about candidates need no threshold of another split there.
    reviewed = nothing[0].model_copy(update={"split": "reviewed"})
    assert plan(reviewed, method="self_trained", **BLOBS).copies is None


VOTE = {"method": "vote", "vote": {"methods": {"semietpicker": 1, "vnet": 1}}}


def test_a_vote_reads_what_its_members_find():
    ours = plan(**VOTE).of("vote")
    first, other = ours.voters(lambda one: [one.run.noisy]).split("--member ")[1:]
    assert first.split()[:2] == [
        "semietpicker",
        "results/semietpicker/models/thresholds.json",
    ]
    assert other.split()[-1] == "results/vnet/manifests/noisy.json"
    made = ours.manifests()
    for name in ("vote", "vnet", "semietpicker"):
        assert f"results/{name}/manifests/predict/test-0001of0001.json" in made
        assert f"results/{name}/manifests/noisy.json" in made
    # Members need no picks of their own.
    assert [path for path in made if path.endswith("/pick.json")] == [
        "results/vote/manifests/pick.json"
    ]
    record = plan(**VOTE).record()
    assert record.members == {
        "semietpicker": ("burn_in", "co_train"),
        "vnet": ("burn_in",),
    }
    stages = planned_jobs(Results(), ours.run, record)
    assert "vnet burn_in" in stages
    assert str(stages["vnet predict"][0].result).startswith("results/vnet/")
    assert plan().of("vnet").members == []


def test_in_a_cell_the_members_are_those_of_the_same_labels_and_seed():
    one = cell("vote", vote=VOTE["vote"])
    assert [member.run.cell for member in one.members] == [(1, 3), (1, 3)]
    # One that is not compared itself trains its first stage.
    alone = SETTINGS["benchmark"] | {"methods": ["vote"]}
    (member, _) = cell("vote", vote=VOTE["vote"], benchmark=alone).members
    assert member.before("co_train")[0].endswith(
        "seed_3/semietpicker/models/burn_in.safetensors"
    )


def test_imported_picks_are_an_input_and_need_known_particles(tmp_path):
    folder = tmp_path / "other"
    vote = {"methods": {"x": 1}, "imported": {"x": str(folder)}}
    with pytest.raises(FileNotFoundError, match=r"vote.imported.x is .* not exist"):
        plan(method="vote", vote=vote)
    folder.mkdir()
    with pytest.raises(FileNotFoundError, match="has no file of picks"):
        plan(method="vote", vote=vote)
    for seconds, name in ((90, "b.star"), (80, "a.star"), (99, ".hidden.star")):
        (folder / name).touch()
        os.utime(folder / name, (seconds, seconds))
    ours = plan(method="vote", vote=vote).of("vote")
    assert ours.imported_files() == [str(folder / "b.star")]
    labeled = [s for s in plan().shards if s.startswith("labeled-")]
    assert stems(ours.known_to_vote()) == labeled
    # Other programs have seen no noisy copies.
    assert ours.copies() == ours.members == []


def test_what_a_member_cannot_be_trained_on_is_refused():
    given = {"path": Path("p.mrc"), "picks": (Path("p.star"),)}
    rows = [*ROWS, TomogramRow(tomogram="p", split="partial", **given)]
    members = {"methods": {"vnet": 1, "deepfindet": 1}}
    with pytest.raises(ValueError, match="method deepfindet takes"):
        plan(*rows, method="vote", vote=members)


def test_corrected_picks_train_again_what_learned_from_them():
    by_picks = {"pretrain": {"proposals": "picks"}, "method": "self_trained"}
    ours = plan(**by_picks).of("self_trained")
    assert ours.learns_from_picks("pretrain")
    assert not plan(**BLOBS).of("semietpicker").learns_from_picks("pretrain")
    assert not plan(**by_picks).of("semietpicker").learns_from_picks("burn_in")


def test_methods_that_are_compared_on_micrographs_find_in_them():
    flat = {"tomograms": {"dimensions": 2}, "method": "blobs"}
    with pytest.raises(ValueError, match="names vnet, which finds"):
        plan(**flat).compared()
    benchmark = SETTINGS["benchmark"] | {"methods": ["blobs", "vote"]}
    with pytest.raises(ValueError, match=r"vote\.methods names semietpicker"):
        plan(**flat, benchmark=benchmark).compared()
    vote = {"methods": {"blobs": 1, "upicker": 1}}
    assert len(plan(**flat, benchmark=benchmark, vote=vote).compared()) == 2 * 2 * 2


def test_a_cell_on_slices_has_squares_that_can_be_linked():
    one = cell("yolo_slices", predict={"slice_step": 4})
    with pytest.raises(ValueError, match=r"predict\.slice_step is 4, which leaves"):
        one.labeled("burn_in")
    linkable = cell("yolo_slices", predict={"slice_step": 4}, link={"z_gap": 3})
    assert linkable.labeled("burn_in")


def test_what_is_linked_is_predicted_without_the_settings_of_linking():
    found = plan(method="upicker")
    one = found.of("upicker")
    assert "link" not in stems(one.finding_settings())
    assert {"link", "upicker"} <= set(stems(one.exported_settings()))
    assert stems(one.linking_settings()) == ["link"]
    assert stems(one.tuning_settings())[-2:] == ["calibrate", "link"]
    assert found.of("vnet").linking_settings() == []
    made = one.manifests()
    for path in (*one.candidates(), one.run.noisy):
        assert {path, one.run.detected(path)} <= set(made)
    jobs = planned_jobs(found.results, one.run, found.record())
    for of in ("", "_noisy"):
        for predicted, linked in zip(
            jobs[f"predict{of}"], jobs[f"link{of}"], strict=True
        ):
            assert str(predicted.result) == one.run.detected(str(linked.result))
            assert predicted.log.parts != linked.log.parts
    assert "link" not in planned_jobs(
        found.results, found.results.run("vnet"), found.record()
    )


VARIED = SETTINGS | {
    "benchmark": SETTINGS["benchmark"]
    | {
        "variants": {
            "deepfindet-dropout": {"model": {"dropout": 0.3}},
            "deepfindet-wide": {"pick": {"min_distance_per_radius": 2.0}},
            "deepfindet-long": {"train": {"batch_size": 4}},
            "vote-merging": {"pick": {"merge_per_radius": 0.1}},
            "vote-tuned": {"tune": {"steps": 3}},
        }
    },
    "vote": {"methods": {"vnet": 1, "deepfindet": 1}},
}


def varied(name):
    found = planned(Config.model_validate(VARIED), ROWS, Results())
    return found.of(found.results.cell(1, 3, name).name)


def test_a_variant_reads_its_own_settings_where_it_changes_them():
    one = varied("deepfindet-dropout")
    assert (one.run.method, one.run.variant) == ("deepfindet", "deepfindet-dropout")
    assert one.run.cell == (1, 3)
    assert one.settings("model", "pick") == [
        "results/benchmark/settings/deepfindet-dropout/model.json",
        "results/settings/pick.json",
    ]
    read = one.training_settings("burn_in")
    assert read[0] == "results/benchmark/settings/seed_3/train.json"
    assert "results/benchmark/settings/deepfindet-dropout/model.json" in read
    assert varied("deepfindet-long").training_settings("burn_in")[0] == (
        "results/benchmark/settings/deepfindet-long/seed_3/train.json"
    )
    assert varied("deepfindet").settings("model") == ["results/settings/model.json"]


def test_a_variant_that_trains_alike_has_the_methods_model():
    cells = "results/benchmark/cells/1_labeled/seed_3"
    model = "models/burn_in.safetensors"
    assert varied("deepfindet-dropout").models() == [
        f"{cells}/deepfindet-dropout/{model}"
    ]
    assert varied("deepfindet-long").models() == [f"{cells}/deepfindet-long/{model}"]
    assert varied("deepfindet-wide").models() == [f"{cells}/deepfindet/{model}"]


def test_a_variant_of_a_vote_has_its_members():
    names = {member.run.name for member in varied("vote-merging").members}
    cells = "benchmark/cells/1_labeled/seed_3"
    assert names == {f"{cells}/vnet", f"{cells}/deepfindet"}


def test_a_variant_that_tunes_alone_is_no_cell_of_the_tables():
    found = planned(Config.model_validate(VARIED), ROWS, Results())
    assert {run.variant for run in found.cells()} == {
        *("", "deepfindet-dropout", "deepfindet-wide", "deepfindet-long"),
        "vote-merging",
    }
    assert {run.variant for run in found.tuned_cells()} == {"vote-tuned"}
    tuned = found.results.cell(1, 3, "vote-tuned").predicted("test-0001of0001")
    assert tuned in found.cells_manifests()


def test_a_plateau_needs_validation_tomograms():
    on = {"burn_in": {"plateau": {"patience": 6}}}
    with pytest.raises(ValueError, match="none of 6 tomograms is one; give a row"):
        plan(**on).of("semietpicker").labeled("burn_in")
    assert plan(**on).of("semietpicker").labeled("co_train")
    row = ROWS[0].model_copy(update={"tomogram": "v", "split": "validation"})
    assert plan(*ROWS, row, **on).of("semietpicker").labeled("burn_in")


def test_a_vote_with_imported_picks_knows_all_tomograms(tmp_path):
    (tmp_path / "a.star").write_text("")
    vote = {"methods": {"vnet": 1, "x": 1}, "imported": {"x": str(tmp_path)}}
    found = plan(method="vote", vote=vote)
    assert stems(found.of("vote").rows_to_vote()) == list(found.shards)
    assert found.of("vnet").rows_to_vote() == []
    assert plan(method="vote").of("vote").rows_to_vote() == []
