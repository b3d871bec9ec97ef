"""From a run's results to what other programs open."""

from __future__ import annotations

import csv
import json
import os
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from picker.__main__ import main
from picker.core.picks import picks_from_arrays
from picker.formats.picks.imod import read_model
from picker.formats.picks.star import write_picks
from picker.formats.volumes import mrc, ome_zarr
from picker.jobs.view import layers_of, viewed
from picker.project.manifests import read_manifest, write_manifest
from picker.project.records import Picked

SHAPE, VOXEL_SIZE = (16, 20, 28), 10.0
PARTICLES = [
    {"name": "ribosome", "radius": 150.0, "color": "#0a141e"},
    {"name": "never", "radius": 40.0, "color": "#00ff00"},
    {"name": "proteasome", "radius": 60.0, "color": "#ff0000"},
]
POSITION = [[100.0, 50.0, 260.0], [20.5, 0.0, 30.0]]
"""Of a ribosome and a proteasome, z, y, x [Å]."""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a project with picks in an MRC file, in a Zarr folder, and a failure."""
    monkeypatch.chdir(tmp_path)
    results = Path("results")
    volume = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    mrc.write_volume(Path("my volumes/a.mrc"), volume, 12.0)
    ome_zarr.write_volume(Path("b.zarr"), volume, VOXEL_SIZE, {})
    Path("c.mrc").write_text("no volume")
    Path("tomograms.tsv").write_text(
        "tomogram\tpath\tsplit\tvoxel_size\n"
        f"a\tmy volumes/a.mrc\tpredict\t{VOXEL_SIZE}\nb\tb.zarr\tpredict\t\n"
        "c\tc.mrc\tpredict\t10\n"
    )
    settings = results / "settings/particles.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(PARTICLES))
    manifest = results / "manifests/preprocess/predict-1.json"
    main(
        [
            *(
                "preprocess",
                "--tomograms",
                "tomograms.tsv",
                "--settings",
                str(settings),
            ),
            *("--volumes", "results/tomograms", "--labels", "results/labels"),
            *("--output", str(manifest)),
        ]
    )
    entries = []
    for entry in read_manifest(manifest).tomograms:
        picks = results / f"m/picks/{entry.tomogram}.star"
        found = picks_from_arrays(POSITION, ["ribosome", "proteasome"], [0.5, 0.25])
        write_picks(picks, found)
        entries.append(
            entry
            if entry.state == "failed"
            else Picked(preprocessed=entry, picks=picks, fingerprint="p", counts={})
        )
    write_manifest(results / "m/manifests/pick.json", entries)
    record = {"method": "m", "tomograms": 3, "noisy": False, "shards": {"predict-1": 3}}
    (results / "run.json").write_text(json.dumps(record))
    return volume


def command(capsys):
    return shlex.split(capsys.readouterr().out)


@pytest.mark.parametrize("name", ["a", "b"])
def test_napari_is_given_the_file_and_its_picks_in_voxels(project, name):
    image, *classes = layers_of(viewed(Path("results"), name))
    np.testing.assert_array_equal(image[0], project)
    assert (image[1]["scale"], image[2]) == ((VOXEL_SIZE,) * 3, "image")
    ribosome, never, proteasome = classes
    np.testing.assert_allclose(ribosome[0], [[10.0, 5.0, 26.0]])
    np.testing.assert_allclose(proteasome[0], [[2.05, 0.0, 3.0]])
    assert never[0].shape == (0, 3)
    assert [one[1]["size"] for one in classes] == [30.0, 8.0, 12.0]
    assert [one[1]["border_color"] for one in classes] == [
        particle["color"] for particle in PARTICLES
    ]
    assert ribosome[1]["features"]["score"].tolist() == [0.5]
    assert {one[1]["scale"] for one in classes} == {(VOXEL_SIZE,) * 3}


def test_without_napari_the_message_says_what_to_do(project, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "napari", None)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert main(["view", "a"]) == 1
    assert "pip install 'napari[pyqt6]'" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="others always have a display")
def test_without_a_display_the_message_says_what_to_do(project, monkeypatch, capsys):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main(["view", "a"]) == 1
    assert "log in with ssh -X, or write files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["TS_1"], "the run m has no tomogram TS_1; expected one of its 3, such as"),
        (["c"], "c could not be used: "),
        (["a", "--run", "n"], "the run n has no picks yet"),
        (["a", "--results", "elsewhere"], "nothing has run there yet"),
    ],
)
def test_what_cannot_be_shown_is_an_error(project, words, expected, capsys):
    assert main(["view", *words, "--with", "3dmod"]) == 1
    assert expected in capsys.readouterr().err


def test_3dmod_opens_the_users_own_file_and_a_model(project, capsys):
    assert main(["view", "a", "--with", "3dmod"]) == 0
    program, volume, model = command(capsys)
    assert program == "3dmod"
    assert Path(volume) == Path("my volumes/a.mrc").absolute()
    points = read_model(Path(model))
    np.testing.assert_allclose(points.value_zyx[0], [10.0, 5.0, 26.0], atol=1e-5)
    assert points.particle == ["ribosome", "proteasome"]


def test_a_volume_of_another_kind_is_written_as_mrc(project, capsys):
    assert main(["view", "b", "--with", "3dmod", "--folder", "out"]) == 0
    _, volume, model = command(capsys)
    assert Path(volume) == Path("out/b.mrc").absolute()
    assert Path(model).is_file()
    found, voxel_size, _ = mrc.read_volume(Path(volume))
    np.testing.assert_array_equal(found, project)
    assert voxel_size == VOXEL_SIZE


def test_what_was_changed_for_a_viewer_is_not_lost(project, capsys):
    assert main(["view", "a", "--with", "3dmod"]) == 0
    assert main(["view", "a", "--with", "3dmod"]) == 1
    assert "delete it, or name another with --folder" in capsys.readouterr().err


def test_artiax_is_told_the_voxel_size_and_each_class(project, capsys):
    assert main(["view", "a", "--with", "artiax"]) == 0
    program, script = command(capsys)
    assert program == "chimerax"
    folder = Path(script).parent
    assert Path(script).read_text().splitlines() == [
        "artiax start",
        f'artiax open tomo "{Path("my volumes/a.mrc").absolute()}"',
        "artiax tomo #1.1.1 pixelSize 10.0",
        f'open "{folder}/ribosome.tsv" format generic_particles',
        "artiax particles #1.2.1 radius 150.0 color #0a141e",
        f'open "{folder}/proteasome.tsv" format generic_particles',
        "artiax particles #1.2.2 radius 60.0 color #ff0000",
    ]
    with (folder / "ribosome.tsv").open(newline="") as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    assert [float(row[f"pos_{axis}"]) for axis in "xyz"] == [260.0, 50.0, 100.0]
    assert float(row["score"]) == 0.5
    zero = ("shift_x", "shift_y", "shift_z", "phi", "the", "psi")
    assert {float(row[name]) for name in zero} == {0.0}


def test_copick_is_given_a_project(project, capsys):
    assert main(["view", "a", "--with", "copick"]) == 0
    config = Path(command(capsys)[-1])
    content = json.loads(config.read_text())
    assert content["overlay_root"] == f"local://{config.parent.resolve()}"
    (picks,) = config.parent.glob("ExperimentRuns/a/Picks/*_ribosome.json")
    (point,) = json.loads(picks.read_text())["points"]
    assert point["location"] == {"x": 260.0, "y": 50.0, "z": 100.0}


@pytest.mark.skipif(os.name == "nt", reason="names have no quotes there")
def test_a_strange_path_stays_one_word(project, capsys):
    folder = Path("""it's; rm -rf "x" $y""")
    assert main(["view", "a", "--with", "artiax", "--folder", str(folder)]) == 0
    _, script = command(capsys)
    assert Path(script) == (folder / "a.cxc").absolute()
    line = Path(script).read_text().splitlines()[3]
    assert json.loads(line.removeprefix("open ").rpartition(" format")[0]) == str(
        (folder / "ribosome.tsv").absolute()
    )
