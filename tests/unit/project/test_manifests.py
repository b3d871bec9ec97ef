"""One record a stage; what is another stage's or version's is never misread."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from picker.project.manifests import (
    plain_entries,
    read_failed,
    read_manifest,
    read_picked,
    read_predicted,
    read_preprocessed,
    write_manifest,
)
from picker.project.records import failed
from tests.unit.predicted import picked, predicted, preprocessed, write_predicted

BEFORE = preprocessed(
    "TS_1",
    "labeled",
    tilt_pixel_size=1.5,
    called="Position 1",
    labels=Path("TS_1.star"),
    mask=Path("mask.zarr"),
    warnings=("odd",),
    stamps={"TS_1.mrc": (7, 1_700_000_000_000_000_001)},
    source_voxel_size=5.0,
    source_shape_zyx=(20, 20, 20),
)
PREDICTED = replace(predicted(Path("c.star")), preprocessed=BEFORE)
PICKED = replace(
    picked(Path("p.star")),
    preprocessed=BEFORE,
    counts={"ribosome": 3, "virus": 1},
    expected={"ribosome": (2.5, 3.0)},
    mean_score=0.75,
)


@pytest.mark.parametrize("entry", [BEFORE, PREDICTED, PICKED])
def test_what_is_written_is_read(tmp_path, entry):
    bad = failed(entry, Path("none.star"), "it is cut")
    write_manifest(tmp_path / "m.json", [entry, bad])
    assert read_manifest(tmp_path / "m.json").tomograms == (entry, bad)
    assert (bad.tomogram, bad.split, bad.warnings) == ("TS_1", "labeled", ("odd",))
    assert (bad.preprocessed, bad.stamps) == (BEFORE, BEFORE.stamps)
    assert bad.retry


def test_a_tomogram_has_its_name_and_split_once(tmp_path):
    write_manifest(tmp_path / "m.json", [PICKED])
    (said,) = json.loads((tmp_path / "m.json").read_text())["tomograms"]
    assert "split" not in said
    assert said["preprocessed"]["split"] == PICKED.split == "labeled"
    assert (PICKED.tomogram, PICKED.warnings, PICKED.num_picks) == ("TS_1", ("odd",), 4)


def test_predictions_have_their_scores_and_model(tmp_path):
    paths = [tmp_path / name for name in ("a.json", "b.json")]
    for path, scores in zip(paths, [(1, 2), (3, 4)], strict=True):
        write_manifest(path, [PREDICTED], histograms={"ribosome": scores}, model="m")
    found = read_predicted(paths)
    assert found.tomograms == (PREDICTED, PREDICTED)
    assert found.histograms == ({"ribosome": (1, 2)}, {"ribosome": (3, 4)})
    assert found.model == "m"
    assert read_predicted([]).model == ""


@pytest.mark.parametrize(
    ("read", "entry", "wanted"),
    [
        (read_preprocessed, PREDICTED, "a manifest of predicted .* preprocessed ones"),
        (read_picked, PREDICTED, "a manifest of predicted tomograms; expected picked"),
        (read_predicted, PICKED, "a manifest of picked tomograms; expected predicted"),
    ],
)
def test_another_stages_manifest_is_refused(tmp_path, read, entry, wanted):
    write_predicted(tmp_path / "m.json", [entry])
    with pytest.raises(ValueError, match=rf"m\.json is {wanted}"):
        read([tmp_path / "m.json"])


OLD = {
    "tomogram": "TS_1",
    "split": "test",
    "path": "results/tomograms/TS_1.zarr",
    "volume": "results/tomograms/TS_1.zarr",
    "voxel_size": 0.0,
    "error": None,
}


@pytest.mark.parametrize("entries", [[OLD], []])
@pytest.mark.parametrize("read", [read_preprocessed, read_picked, read_predicted])
def test_a_manifest_of_version_0_1_is_refused_with_what_to_do(tmp_path, read, entries):
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"tomograms": entries, "histograms": {}, "model": "m"}))
    said = (
        f"{path} was written by version 0.1; expected format 2 of this version. Run"
        " again, and it is made again"
    )
    with pytest.raises(ValueError, match=re.escape(said)):
        read([path])


@pytest.mark.parametrize(
    "changed", [{"format": 3}, {"tomograms": [{"state": "new"}]}, {"more": 1}]
)
def test_a_manifest_of_a_later_version_is_refused_too(tmp_path, changed):
    write_manifest(tmp_path / "m.json", [BEFORE])
    said = json.loads((tmp_path / "m.json").read_text()) | changed
    (tmp_path / "m.json").write_text(json.dumps(said))
    with pytest.raises(ValueError, match=r"m\.json is damaged; expected the manifest"):
        read_manifest(tmp_path / "m.json")


def test_what_is_not_known_is_none_and_never_zero(tmp_path):
    write_manifest(tmp_path / "m.json", [preprocessed()])
    (said,) = json.loads((tmp_path / "m.json").read_text())["tomograms"]
    assert {key for key, value in said.items() if value is None} == {
        *("tilt_pixel_size", "called", "labels", "mask", "slab"),
        *("gold", "membranes"),
        *("noise", "noise_spread", "source"),
    }
    with pytest.raises(TypeError, match="voxel_size"):
        type(BEFORE)(tomogram="TS", split="test", volume=Path("v"), fingerprint="f")


@pytest.mark.parametrize("entries", [[], [BEFORE], [BEFORE, PREDICTED, PICKED]])
def test_plain_entries_say_the_same_a_line_each(tmp_path, entries):
    path = tmp_path / "m.json"
    write_manifest(path, entries, histograms={"ribosome": (1, 2)}, model="m")
    whole = json.loads(path.read_text())
    assert list(plain_entries(path)) == whole["tomograms"]
    assert (whole["format"], whole["model"]) == (2, "m")
    assert len(path.read_text().splitlines()) == len(entries) + 2
    path.write_text(json.dumps(whole, indent=1))  # as 0.2.0 wrote it
    assert list(plain_entries(path)) == whole["tomograms"]


@pytest.mark.parametrize("entries", [[], [BEFORE], [BEFORE, PICKED]])
def test_a_manifest_cut_anywhere_is_damaged(tmp_path, entries):
    path = tmp_path / "m.json"
    write_manifest(path, entries)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"m\.json is damaged; expected the mani"):
            list(plain_entries(path))
    path.write_bytes(content + b" {}")
    with pytest.raises(ValueError, match="is damaged"):
        list(plain_entries(path))


def test_failed_tomograms_are_read_and_others_not_looked_at(tmp_path):
    bad = failed(PREDICTED, Path("none.star"), "it is cut")
    path = tmp_path / "m.json"
    write_manifest(path, [BEFORE, bad, PICKED])
    assert read_failed(path) == [bad]
    path.write_text(path.read_text().replace("Position 1", "Position 2"))
    assert read_failed(path)[0].preprocessed.called == "Position 2"
    path.write_text(path.read_text().replace('"it is cut"', "7"))
    with pytest.raises(ValueError, match=r"m\.json is damaged; .*\n.*error"):
        read_failed(path)
    path.write_text(json.dumps({"tomograms": []}))
    with pytest.raises(ValueError, match=r"was written by version 0\.1"):
        read_failed(path)
