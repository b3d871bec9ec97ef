"""From a table with pixel sizes of tilt series to files for RELION."""

from __future__ import annotations

import errno
import json
from dataclasses import replace

import mrcfile
import numpy as np
import pytest

from picker.__main__ import main
from picker.core.picks import picks_from_arrays
from picker.formats.picks import star
from picker.formats.tables.tomograms import read_table
from picker.formats.volumes import mrc
from picker.formats.volumes.read import read_tomogram
from picker.machine.signals import Interrupted
from picker.project.manifests import read_manifest, write_manifest
from picker.project.records import Picked

SHAPE = (16, 20, 28)
FOUR = (
    "data_particles\nloop_\n_rlnTomoName\n_rlnCoordinateX\n_rlnCoordinateY\n"
    "_rlnCoordinateZ\n{name} 89 41 33\n"
)


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    """Return the manifest of two tomograms of 10 Å, one with tilts of 2.5 Å."""
    monkeypatch.chdir(tmp_path)
    volume = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    rows = ["tomogram\tpath\tsplit\tpicks\ttilt_pixel_size"]
    for name, size in (("a", "2.5"), ("b", "")):
        mrc.write_volume(tmp_path / f"{name}.mrc", volume, 10.0)
        (tmp_path / f"{name}.star").write_text(FOUR.format(name=name))
        rows.append(f"{name}\t{name}.mrc\tlabeled\t{name}.star\t{size}")
    (tmp_path / "tomograms.tsv").write_text("\n".join(rows) + "\n")
    particles = [{"name": "ribosome", "radius": 30}]
    (tmp_path / "particles.json").write_text(json.dumps(particles))
    words = "--tomograms tomograms.tsv --settings particles.json --volumes v --labels l"
    main(["preprocess", *words.split(), "--output", "manifest.json"])
    return read_manifest(tmp_path / "manifest.json")


def picked(entry):
    """Return a tomogram with its labels as its picks."""
    return Picked(preprocessed=entry, picks=entry.labels, fingerprint="p", counts={})


def test_relion_4s_picks_need_the_column(manifest):
    one, other = manifest.tomograms
    assert (one.state, one.tilt_pixel_size) == ("preprocessed", 2.5)
    assert star.read_picks(one.labels).position_zyx.tolist() == [[80, 100, 220]]
    assert "fill in the column tilt_pixel_size of the table" in other.error


def test_the_column_goes_into_what_is_written(manifest, tmp_path):
    (entry, _) = manifest.tomograms
    write_manifest(tmp_path / "picked.json", [picked(entry)])
    words = "--manifests picked.json --settings particles.json --target"
    for target, first in (("relion4", "a 89.0 41.0 33.0"), ("relion5", "a 80.0 0.0")):
        assert main(["export", *words.split(), target, "--output", target]) == 0
        text = (tmp_path / target / "ribosome.star").read_text()
        assert text.startswith("# tilt_series_pixel_size: 2.5\n")
        assert f"\n{first}" in text


def test_every_target_has_a_folder(manifest, tmp_path):
    (entry, _) = manifest.tomograms
    write_manifest(tmp_path / "picked.json", [picked(entry)])
    words = "--manifests picked.json --settings particles.json --target"
    more = ("peet", "stopgap", "av3", "tomotwin", "cbox", "eman2")
    for target in ("portal", "imod", "dynamo", *more):
        assert main(["export", *words.split(), target, "--output", target]) == 0
        assert any((tmp_path / target).iterdir())


STAR = (
    "data_global\nloop_\n_rlnTomoName\n_rlnTomoTiltSeriesPixelSize\n_rlnTomoSizeX\n"
    "_rlnTomoSizeY\n_rlnTomoSizeZ\na 2.5 114 80 64\n"
)


def exported(folder, manifest, target, settings=None):
    """Return the folder with the first tomogram's labels, written as its picks."""
    write_manifest(folder / "picked.json", [picked(manifest.tomograms[0])])
    (folder / "export.json").write_text(json.dumps(settings or {}))
    words = "--manifests picked.json --settings particles.json export.json --target"
    assert main(["export", *words.split(), target, "--output", target]) == 0
    return folder / target


def test_relions_own_sizes_go_into_what_is_written(manifest, tmp_path):
    (tmp_path / "tomograms.star").write_text(STAR)
    settings = {"tomograms_star": "tomograms.star"}
    # The pick is at 220, 100, 80 Å; RELION's x is 114 pixels, ours 112.
    text = (
        exported(tmp_path, manifest, "relion5", settings) / "ribosome.star"
    ).read_text()
    assert "\na 77.5 0.0 0.0 " in text
    (tmp_path / "tomograms.star").write_text(STAR.replace("\na ", "\nc "))
    words = "--manifests picked.json --settings particles.json export.json --target"
    assert main(["export", *words.split(), "relion5", "--output", "again"]) == 1
    assert not (tmp_path / "again").exists()
    exported(tmp_path, manifest, "kaggle", settings)


def test_other_programs_get_the_users_own_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    volume = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    mrc.write_volume(tmp_path / "a.mrc", volume, 10.0)
    (tmp_path / "p.csv").write_text(
        "tomogram,particle,x,y,z\nPosition 4,Viral RNP,55.5,66,77\n"
    )
    (tmp_path / "tomograms.tsv").write_text(
        "tomogram\tpath\tsplit\tpicks\nPosition 4\ta.mrc\tlabeled\tp.csv\n"
    )
    particles = [{"name": "Viral RNP", "radius": 30}]
    (tmp_path / "particles.json").write_text(json.dumps(particles))
    words = "--tomograms tomograms.tsv --settings particles.json --volumes v --labels l"
    assert main(["preprocess", *words.split(), "--output", "manifest.json"]) == 0
    manifest = read_manifest(tmp_path / "manifest.json")
    (entry,) = manifest.tomograms
    assert star.read_picks(entry.labels).particle.tolist() == ["Viral_RNP"]
    assert "tomogram 'Position 4' is called Position_4 here" in entry.warnings
    (tmp_path / "tomograms.star").write_text(STAR.replace("\na ", '\n"Position 4" '))
    settings = {"tomograms_star": "tomograms.star"}
    for target, file, told in (
        ("relion5", "Viral_RNP.star", '\n"Position 4" '),
        ("relion4", "Viral_RNP.star", '\n"Position 4" '),
        (
            "relion5",
            "import/Viral_RNP/index.star",
            '"Position 4" coordinates/Position_4',
        ),
        ("warp", "Position_4_Viral_RNP.star", ' "Position 4.tomostar" '),
        ("kaggle", "submission.csv", "0,Position 4,Viral RNP,55.5,"),
        ("eman2", "Position_4_info.json", '"name": "Viral RNP"'),
        ("relion3", "Viral_RNP/Position_4_pick.star", "\n6 7 8 "),
    ):
        folder = exported(tmp_path, manifest, target, settings)
        assert told in (folder / file).read_text()


@pytest.mark.parametrize("target", ["relion3", "warp", "tomotwin", "portal", "relion5"])
def test_a_rescaled_volume_changes_nothing_that_is_written(manifest, tmp_path, target):
    """Other programs open the file that came, and count its voxels."""
    folder = exported(tmp_path, manifest, target)
    before = {
        f.relative_to(folder): f.read_text() for f in folder.rglob("*.*") if f.is_file()
    }
    (tmp_path / "preprocess.json").write_text('{"target_voxel_size": 15}')
    words = "--tomograms tomograms.tsv --settings particles.json preprocess.json"
    words += " --volumes v --labels l --output rescaled.json"
    main(["preprocess", *words.split()])
    rescaled = read_manifest(tmp_path / "rescaled.json")
    entry = rescaled.tomograms[0]
    assert (entry.voxel_size, entry.source_voxel_size) == (15.0, 10.0)
    assert entry.source_shape_zyx == SHAPE != entry.shape_zyx
    folder = exported(tmp_path, rescaled, target)
    after = {
        f.relative_to(folder): f.read_text() for f in folder.rglob("*.*") if f.is_file()
    }
    assert before == after
    assert before


def test_picks_beyond_the_last_small_voxel_are_brought_back(manifest, tmp_path):
    """A voxel of 15 Å may reach further than those of 10 Å that it came from."""
    entry = manifest.tomograms[0]
    far = picks_from_arrays([[162, 100, 220]], ["ribosome"])
    star.write_picks(tmp_path / entry.labels, far)
    folder = exported(tmp_path, manifest, "tomotwin")
    assert (folder / "a_ribosome.coords").read_text().split() == [
        "22.0",
        "10.0",
        "15.5",
    ]


def test_a_volume_larger_than_the_memory_fails_alone(manifest, tmp_path, monkeypatch):
    """The others continue, and the next run tries again."""

    def read(path, *_, **__):
        if path.name == "a.mrc":
            raise MemoryError("a.mrc is too large")
        return read_tomogram(path, "b")

    monkeypatch.setattr("picker.jobs.preprocess.map_tomogram", read)
    words = "--tomograms tomograms.tsv --settings particles.json --volumes w --labels m"
    assert main(["preprocess", *words.split(), "--output", "again.json"]) == 0
    one, other = read_manifest(tmp_path / "again.json").tomograms
    assert (one.error, one.retry) == ("a.mrc is too large", True)
    assert "tilt_pixel_size" in other.error


WORDS = "preprocess --tomograms tomograms.tsv --settings particles.json --volumes v"


def test_any_error_of_a_tomogram_is_its_own(manifest, tmp_path, monkeypatch, capsys):
    def read(path, *_, **__):
        if path.name == "a.mrc":
            raise ZeroDivisionError("division by zero")
        return read_tomogram(path, "b")

    monkeypatch.setattr("picker.jobs.preprocess.map_tomogram", read)
    words = "--labels m --output again.json"
    assert main([*WORDS.replace("volumes v", "volumes w").split(), *words.split()]) == 0
    one, other = read_manifest(tmp_path / "again.json").tomograms
    told = (
        "a.mrc: unexpected ZeroDivisionError (division by zero), a fault of this prog"
    )
    assert one.error.startswith(told)
    assert "tilt_pixel_size" in other.error
    assert "Traceback" in capsys.readouterr().err


def test_a_request_to_stop_is_no_error_of_a_tomogram(manifest, tmp_path, monkeypatch):
    def read(*_, **__):
        raise Interrupted("stopped by SIGTERM", 15)

    monkeypatch.setattr("picker.jobs.preprocess.map_tomogram", read)
    words = "--labels m --output again.json"
    assert (
        main([*WORDS.replace("volumes v", "volumes w").split(), *words.split()]) == 143
    )
    assert not (tmp_path / "again.json").exists()


def test_a_volume_that_lost_a_chunk_is_made_anew(manifest, tmp_path):
    words = [*WORDS.split(), *"--labels l --output manifest.json".split()]
    chunk = tmp_path / "v" / "a.zarr" / "0" / "c" / "0" / "0" / "0"
    before, time = chunk.read_bytes(), chunk.stat().st_mtime_ns
    assert main(words) == 0
    assert chunk.stat().st_mtime_ns == time
    chunk.unlink()
    assert main(words) == 0
    assert chunk.read_bytes() == before


def test_what_a_row_accepts_is_read_and_changes_no_other_result(manifest, tmp_path):
    with mrcfile.open(tmp_path / "b.mrc", "r+") as file:
        file.set_image_stack()
    rows = read_table(tmp_path / "tomograms.tsv")
    accept = {"stacks_are_volumes": True, "missing_chunks": "fill", "voxel_size": 10.0}
    words = [*WORDS.replace("tsv", "json").split(), "--labels", "l", "--output", "o"]
    times = []
    for update, error in (({}, "16 images and no volume"), (accept, "tilt_pixel_size")):
        shard = [row.model_copy(update=update).model_dump(mode="json") for row in rows]
        shard[0]["voxel_size"] = None
        (tmp_path / "tomograms.json").write_text(json.dumps(shard))
        assert main(words) == 0
        one, other = read_manifest(tmp_path / "o").tomograms
        assert one.state == "preprocessed"
        assert error in other.error
        times.append((tmp_path / "v" / "a.zarr").stat().st_mtime_ns)
    assert times[0] == times[1]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_export_that_fails_or_is_killed_leaves_nothing_for_long(
    manifest, tmp_path, monkeypatch
):
    """Of a full disk nothing, not one folder more with each try."""
    folder = exported(tmp_path, manifest, "warp")
    before = sorted(tmp_path.iterdir())

    def full(target, folder, *_):
        (folder / "half").touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("picker.jobs.export.write_target", full)
        words = "--manifests picked.json --settings particles.json --target warp"
        assert main(["export", *words.split(), "--output", "warp"]) == 1
    assert sorted(tmp_path.iterdir()) == before
    assert names(folder) == ["a_ribosome.star", "provenance.json"]
    killed = tmp_path / ".warp.elsewhere.7.picker-tmp"
    killed.mkdir()
    exported(tmp_path, manifest, "warp")
    assert sorted(tmp_path.iterdir()) == before


def test_one_that_cannot_be_read_costs_itself_alone(manifest, tmp_path):
    good = picked(manifest.tomograms[0])
    named_bad = replace(good.preprocessed, tomogram="bad")
    bad = replace(good, preprocessed=named_bad, picks=tmp_path / "bad.star")
    bad.picks.write_text("no STAR")
    write_manifest(tmp_path / "picked.json", [bad, good])
    words = "export --manifests picked.json --settings particles.json --target warp"
    assert main([*words.split(), "--output", "warp", "--failed", "failed.json"]) == 0
    assert names(tmp_path / "warp") == ["a_ribosome.star", "provenance.json"]
    (entry,) = read_manifest(tmp_path / "failed.json").tomograms
    assert entry.tomogram == "bad"
    words = "finish --picks picked.json --report r.html --output s --failed failed.json"
    assert main(words.split()) == 1
    assert not (tmp_path / "s").exists()
