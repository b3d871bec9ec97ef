"""The verb label-next: picks in, things to open in other programs out."""

import errno
import json
from dataclasses import replace

import numpy as np
import pytest

from picker.__main__ import main
from picker.core.picks import picks_from_arrays
from picker.formats.picks import imod, star
from picker.formats.volumes import ome_zarr
from picker.formats.volumes.read import read_mask
from picker.project.manifests import read_manifest, read_picked, write_manifest
from picker.project.records import failed
from tests.unit.predicted import picked

RADIUS = 100.0


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Two tomograms of rescaled voxels; of the second only a part may have picks."""
    monkeypatch.chdir(tmp_path)
    places = [
        *([100.0, 100.0, 100.0], [100.0, 130.0, 100.0]),  # the first region
        [100.0, 300.0, 500.0],  # the second
        [100.0, 150.0, 500.0],  # its ball would overlap the second one
    ]
    names = ["ribosome", "virus", "ribosome", "ribosome"]
    entries = []
    for name, number in (("TS_a", 4), ("TS_b", 2)):
        found = picks_from_arrays(places[:number], names[:number], [0.8] * number)
        star.write_picks(tmp_path / f"{name}.star", found)
        entries.append(
            picked(
                tmp_path / f"{name}.star",
                name,
                "unlabeled",
                volume=tmp_path / name,
                voxel_size=20.0,
                shape_zyx=(10, 20, 30),
                source_voxel_size=10.0,
                source_shape_zyx=(20, 40, 60),
            )
        )
    mask = np.zeros((20, 40, 60), np.uint8)
    mask[:, :25] = 1  # y up to 240 Å
    ome_zarr.write_volume(tmp_path / "mask.zarr", mask, 10.0, {})
    entries[1] = changed(entries[1], mask=tmp_path / "mask.zarr")
    write_manifest(tmp_path / "picked.json", entries)
    classes = [
        {"name": "ribosome", "radius": 20},
        {"name": "virus", "radius": 30},
    ]
    (tmp_path / "particles.json").write_text(json.dumps(classes))
    (tmp_path / "label_next.json").write_text(json.dumps({"radius": RADIUS}))
    (tmp_path / "next.tsv").write_text(
        "tomogram\tsplit\nTS_b\tunlabeled\nTS_a\tpredict\n"
    )
    words = "label-next --picks picked.json --ranking next.tsv --output out"
    words += " --settings particles.json label_next.json"
    return words.split()


def changed(entry, **values):
    return replace(entry, preprocessed=replace(entry.preprocessed, **values))


def regions(folder):
    """Return the rows of the table."""
    head, *rows = (folder / "out" / "regions.tsv").read_text().splitlines()
    assert head == "tomogram\tx\ty\tz\tpicks"
    return rows


def by_class(folder):
    """Return the voxels of each class in the model of TS_a."""
    found = imod.read_model(folder / "out" / "TS_a.mod")
    voxels = {}
    for name, value in zip(found.particle, found.value_zyx, strict=True):
        voxels.setdefault(name, []).append(value.tolist())
    return voxels


def test_regions_are_ranked_over_all_tomograms(project, tmp_path):
    assert main(project) == 0
    assert regions(tmp_path) == [
        "TS_b\t100.0\t100.0\t100.0\t2",
        "TS_a\t100.0\t100.0\t100.0\t2",
        "TS_a\t500.0\t300.0\t100.0\t1",
    ]


def test_a_model_shows_regions_and_their_picks_where_they_are(
    project, tmp_path, monkeypatch
):
    assert main(project) == 0
    monkeypatch.setattr(imod, "REGIONS", "no longer told from particles")
    assert by_class(tmp_path)["region-to-label"] == [[10, 10, 10], [10, 30, 50]]
    monkeypatch.undo()
    # What is read back are the picks alone, to be fixed and given as they are.
    # Voxels of the file that came, 10 Å: not those of the rescaled volume.
    assert by_class(tmp_path) == {
        "ribosome": [[10, 10, 10], [10, 30, 50]],
        "virus": [[10, 13, 10]],
    }
    (warning,) = imod.read_model(tmp_path / "out" / "TS_a.mod").warnings
    assert "2 points of its object region-to-label are not taken as picks" in warning
    inside = star.read_picks(tmp_path / "out" / "TS_a.star")
    assert inside.particle.tolist() == ["ribosome", "virus", "ribosome"]
    assert inside.score == pytest.approx([0.8, 0.8, 0.8])


def test_a_mask_says_where_a_person_looked(project, tmp_path):
    assert main(project) == 0
    inside = read_mask(tmp_path / "out" / "TS_a_mask.zarr", (20, 40, 60))
    z, y, x = np.indices(inside.shape) * 10.0
    first = (z - 100) ** 2 + (y - 100) ** 2 + (x - 100) ** 2 <= RADIUS**2
    second = (z - 100) ** 2 + (y - 300) ** 2 + (x - 500) ** 2 <= RADIUS**2
    assert np.array_equal(inside, first | second)
    inside = read_mask(tmp_path / "out" / "TS_b_mask.zarr", (20, 40, 60))
    assert np.array_equal(inside, first & (y <= 240))


def test_what_is_labeled_by_now_is_not_named_again(project, tmp_path):
    """A row of the same file has labels where its mask is."""
    entries = read_picked([tmp_path / "picked.json"])
    part = np.zeros((20, 40, 60), np.uint8)
    part[:, :25] = 1  # y up to 240 Å, the first region
    ome_zarr.write_volume(tmp_path / "part.zarr", part, 10.0, {})
    volume = np.zeros((2, 2, 2), np.float16)
    for name in ("TS_a", "TS_b", "TS_a_part"):
        source = {"source": f"{name[:4]}.mrc"}
        ome_zarr.write_volume(tmp_path / name, volume, 20.0, source)
    looked_at = changed(
        entries[0],
        tomogram="TS_a_part",
        split="labeled",
        volume=tmp_path / "TS_a_part",
        mask=tmp_path / "part.zarr",
    )
    write_manifest(tmp_path / "picked.json", [*entries, looked_at])
    assert main(project) == 0
    assert [line.split("\t") for line in regions(tmp_path)] == [
        ["TS_b", "100.0", "100.0", "100.0", "2"],
        ["TS_a", "500.0", "300.0", "100.0", "1"],
    ]
    # one tomogram is wanted: the first is done, so it is the second
    whole = changed(looked_at, mask=None)
    whole = failed(whole, whole.picks, "was not predicted")
    write_manifest(tmp_path / "picked.json", [*entries, whole])
    (tmp_path / "next.tsv").write_text("tomogram\nTS_a\nTS_b\n")
    (tmp_path / "label_next.json").write_text(
        json.dumps({"radius": RADIUS, "tomograms": 1})
    )
    assert main(project) == 0
    assert [line.split("\t")[0] for line in regions(tmp_path)] == ["TS_b"]


def test_a_region_beside_a_labeled_one_claims_nothing_of_it(project, tmp_path):
    """Its model lacks the particles there: they would be learned as background."""
    entries = read_picked([tmp_path / "picked.json"])[:1]
    part = np.zeros((20, 40, 60), np.uint8)
    part[:, :12] = 1  # y up to 110 Å: one of two picks that lie in one ball
    ome_zarr.write_volume(tmp_path / "part.zarr", part, 10.0, {})
    for name in ("TS_a", "TS_a_part"):
        volume = np.zeros((2, 2, 2), np.float16)
        ome_zarr.write_volume(tmp_path / name, volume, 20.0, {"source": "TS_a.mrc"})
    looked_at = {
        "tomogram": "TS_a_part",
        "split": "labeled",
        "volume": tmp_path / "TS_a_part",
        "mask": tmp_path / "part.zarr",
    }
    entries.append(changed(entries[0], **looked_at))
    write_manifest(tmp_path / "picked.json", entries)
    (tmp_path / "next.tsv").write_text("tomogram\nTS_a\n")
    assert main(project) == 0
    assert by_class(tmp_path)["virus"] == [[10, 13, 10]]
    named = read_mask(tmp_path / "out" / "TS_a_mask.zarr", (20, 40, 60))
    assert named[10, 13, 10]
    assert not (named & (part > 0)).any()


def test_only_the_first_tomograms_are_looked_at(project, tmp_path):
    (tmp_path / "label_next.json").write_text('{"tomograms": 1, "regions": 1}')
    assert main(project) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["TS_b.mod", "TS_b.star", "TS_b_mask.zarr", "regions.tsv"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("tomogram\nTS_z\n", "next.tsv names TS_z, which picked.json does not have"),
        ("name\nTS_a\n", "next.tsv names None, which picked.json does not have"),
        ("tomogram\n" + "x" * 200_000, "next.tsv is damaged (field larger than field"),
    ],
)
def test_a_ranking_of_another_kind_is_refused(
    project, tmp_path, capsys, table, message
):
    (tmp_path / "next.tsv").write_text(table)
    assert main(project) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_again_it_replaces_what_was_there(project, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "of_yesterday.star").write_text("")
    assert main(project) == 0
    assert not (tmp_path / "out" / "of_yesterday.star").exists()
    assert not list(tmp_path.glob(".out*"))


def test_a_name_too_long_for_imod_costs_the_models_alone(project, tmp_path, capsys):
    classes = json.loads((tmp_path / "particles.json").read_text())
    classes.append({"name": "x" * 80, "radius": 20})
    (tmp_path / "particles.json").write_text(json.dumps(classes))
    assert main(project) == 0
    assert "TS_a has no IMOD model: particle xxx" in capsys.readouterr().err
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"TS_a.star", "TS_a_mask.zarr", "regions.tsv"} < names
    assert not [name for name in names if name.endswith(".mod")]


def test_tomograms_without_a_pick_have_no_region(project, tmp_path):
    for name in ("TS_a", "TS_b"):
        star.write_picks(tmp_path / f"{name}.star", picks_from_arrays([], []))
    assert main(project) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["regions.tsv"]
    assert regions(tmp_path) == []


def test_what_a_killed_one_left_is_deleted_and_a_full_disk_leaves_nothing(
    project, tmp_path, monkeypatch
):
    assert main(project) == 0
    before = sorted(tmp_path.iterdir())

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("picker.jobs.label_next.write_volume", full)
        assert main(project) == 1
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "out" / "TS_a_mask.zarr").is_dir()
    (tmp_path / ".out.elsewhere.7.picker-tmp").mkdir()
    assert main(project) == 0
    assert sorted(tmp_path.iterdir()) == before


def test_one_that_cannot_be_read_costs_itself_alone(project, tmp_path):
    (tmp_path / "TS_b.star").write_text("data_\nloop_\n_rlnCoordinateX\nnone\n")
    assert main([*project, "--failed", "failed.json"]) == 0
    assert {row.split("\t")[0] for row in regions(tmp_path)} == {"TS_a"}
    (entry,) = read_manifest(tmp_path / "failed.json").tomograms
    assert (entry.tomogram, entry.retry) == ("TS_b", True)
    assert "TS_b.star" in entry.error
    assert not list((tmp_path / "out").glob("TS_b*"))


def test_what_fails_halfway_leaves_none_of_its_files(project, tmp_path, monkeypatch):
    def fails(path, *_, **__):
        if "TS_a" in path.name:
            raise ZeroDivisionError("never seen before")
        ome_zarr.write_volume(path, *_, **__)

    monkeypatch.setattr("picker.jobs.label_next.write_volume", fails)
    assert main([*project, "--failed", "failed.json"]) == 0
    (entry,) = read_manifest(tmp_path / "failed.json").tomograms
    assert "unexpected ZeroDivisionError (never seen before)" in entry.error
    assert not list((tmp_path / "out").glob("TS_a*"))
    assert (tmp_path / "out" / "TS_b_mask.zarr").is_dir()


def test_regions_of_a_partial_tomogram_hold_what_was_labeled_there(project, tmp_path):
    """Nobody looked at all of it; what they found stays, once."""
    labels = picks_from_arrays([[100, 90, 100], [100, 300, 480]], ["ribosome", "virus"])
    star.write_picks(tmp_path / "labels.star", labels)
    entries = read_picked([tmp_path / "picked.json"])
    part = changed(entries[0], split="partial", labels=tmp_path / "labels.star")
    write_manifest(tmp_path / "picked.json", [part])
    (tmp_path / "next.tsv").write_text("tomogram\nTS_a\n")
    assert main(project) == 0
    # The pick at y 100 is the label at y 90, not another ribosome.
    assert by_class(tmp_path) == {
        "ribosome": [[10, 9, 10], [10, 30, 50]],
        "virus": [[10, 30, 48], [10, 13, 10]],
    }
    assert len(regions(tmp_path)) == 2
