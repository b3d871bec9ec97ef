"""Other programs' boxes on slices, from text files to picks."""

from __future__ import annotations

import json
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from picker.__main__ import main
from picker.config import Particle
from picker.core.detections import Detections
from picker.core.picks import picks_from_arrays
from picker.encodings.discs import discs_on_slice
from picker.formats.picks.detections import write_detections
from picker.formats.picks.star import read_picks
from picker.jobs.slice_boxes import SliceImages, read_slice_boxes

PARTICLES = (
    Particle(name="ribosome", radius=60),
    Particle(name="apo", radius=40, called="apo-ferritin"),
)
SHAPE, VOXEL = (24, 40, 64), 10.0
CENTRES = np.array([[8.0, 12, 20], [15.0, 28.5, 50.25], [10.0, 30, 9]])
CLASSES = np.array([0, 0, 1])


def written(
    folder, *, letterbox="none", flip=False, first=0, name="TS_01_z", conf=True
):
    """Write what a perfect YOLO program finds on images of the slices."""
    high, wide = (max(SHAPE), max(SHAPE)) if letterbox != "none" else SHAPE[1:]
    off = (
        (np.array([high, wide]) - SHAPE[1:]) / 2
        if letterbox == "centre"
        else np.zeros(2)
    )
    folder.mkdir(parents=True, exist_ok=True)
    radius = np.array([p.radius for p in PARTICLES]) / VOXEL
    for z in range(SHAPE[0]):
        discs = discs_on_slice(CENTRES, CLASSES, radius, z, 0.5)
        lines = []
        for (y, x), side, label in zip(
            discs.centre_yx, discs.diameter, discs.particle, strict=True
        ):
            row = SHAPE[1] - 1 - y if flip else y
            box = [(x + 0.5 + off[1]) / wide, (row + 0.5 + off[0]) / high]
            box += [side / wide, side / high]
            lines.append(" ".join(map(str, [label, *box, *([0.9] if conf else [])])))
        if lines:
            (folder / f"{name}{z + first:04d}.txt").write_text("\n".join(lines))
    (folder.parent / "data.yaml").write_text("names: {0: ribosome, 1: apo-ferritin}")
    return folder


def found(folder, **images):
    return read_slice_boxes(folder, PARTICLES, SHAPE, VOXEL, SliceImages(**images))


@pytest.fixture
def labels(tmp_path):
    return written(tmp_path / "data" / "labels")


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with mrcfile.new("TS_01.mrc") as file:
        file.set_data(np.zeros(SHAPE, np.float32))
        file.set_volume()
        file.voxel_size = VOXEL
    text = json.dumps([p.model_dump(mode="json") for p in PARTICLES])
    Path("particles.json").write_text(text)
    return tmp_path


def link(folder, *words):
    given = [str(folder), "--tomogram", "TS_01.mrc", "--settings", "particles.json"]
    return main(["link", *given, "--output", "TS_01.star", *words])


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({}, ()),
        ({"conf": False}, ()),
        ({"letterbox": "centre"}, ("--letterbox", "centre")),
        ({"letterbox": "corner"}, ("--letterbox", "corner")),
        ({"flip": True}, ("--flip", "y")),
        ({"first": 1}, ("--first-slice", "1")),
        ({"name": ""}, ()),
    ],
)
def test_boxes_become_the_particles_that_they_are_of(project, made, words):
    assert link(written(project / "labels", **made), *words) == 0
    picks = read_picks(project / "TS_01.star")
    assert len(picks) == len(CENTRES)
    for centre, number in zip(CENTRES, CLASSES, strict=True):
        away = np.linalg.norm(picks.position_zyx - centre * VOXEL, axis=1)
        assert away.min() < 0.1 * VOXEL
        assert picks.particle[away.argmin()] == PARTICLES[number].name


def test_a_square_has_the_boxs_area_and_lies_on_its_slice(tmp_path):
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "7.txt").write_text("0 0.5 0.25 0.25 0.1 0.75\n\n")
    (folder / "classes.txt").write_text("ribosome\n")
    one = found(folder)
    # The middle of 64 columns lies between 31 and 32; a quarter of 40 rows is 10.
    assert one.squares.position_zyx.tolist() == [[70.0, 95.0, 315.0]]
    assert one.side.tolist() == pytest.approx([10 * (16 * 4) ** 0.5])
    assert one.squares.score.tolist() == [0.75]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 0.5 0.5 0.1", "line 1 has 4 values; expected class, centre x and y"),
        ("0 .1 .1 .2 .1 .2 .3 .1 .3", "line 1 has 9 values; .* polygons"),
        ("0 0.5 0.5 0.1 wide", "line 1 is 0 0.5 0.5 0.1 wide; expected numbers"),
        ("0 0.5 0.5 0.1 nan", "line 1 has height nan; expected 0 to 1"),
        ("0 320 200 40 40", "line 1 has centre x 320; .* divide pixels"),
        ("0 0.5 0.5 0.1 0.1 90", "line 1 has confidence 90; expected 0 to 1"),
        ("0 0.5 0.5 0.1 0", "line 1 has a box without extent"),
        ("-1 0.5 0.5 0.1 0.1", "line 1 has the class -1; expected a whole number"),
        ("0.5 0.5 0.5 0.1 0.1", "line 1 has the class 0.5"),
        ("7 0.5 0.5 0.1 0.1", "boxes of class 7, and .*data.yaml has 2 names"),
    ],
)
def test_lines_that_are_no_boxes_are_named(labels, text, said):
    (labels / "TS_01_z0003.txt").write_text(text)
    with pytest.raises(ValueError, match=said):
        found(labels)


def test_files_that_cannot_be_told_apart_are_refused(labels, tmp_path):
    (labels / "TS_01_z24.txt").write_text("0 0.5 0.5 0.1 0.1")
    with pytest.raises(ValueError, match=r"boxes on slice 24, .* 24 slices, 0 to 23"):
        found(labels)
    (labels / "TS_01_z24.txt").rename(labels / "TS_01_z3.txt")
    with pytest.raises(ValueError, match=r"TS_01_z3.txt and .* both of slice 3"):
        found(labels)
    (labels / "TS_01_z3.txt").rename(labels / "TS_02_z3.txt")
    with pytest.raises(ValueError, match=r"slices of TS_01, TS_02; .* with --name"):
        found(labels)
    assert len(found(labels, name="TS_02")) == 1
    with pytest.raises(ValueError, match="has no text file of TS_03"):
        found(labels, name="TS_03")
    (labels / "notes.txt").write_text("")
    with pytest.raises(ValueError, match=r"notes.txt: its name does not end in the"):
        found(labels)
    with pytest.raises(ValueError, match="nowhere is no folder"):
        found(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("names: [ribosome, virus]", "boxes of virus, as .* says; expected classes of"),
        (
            "names: {0: ribosome, 2: apo}",
            "names has the numbers 0, 2; expected 0, 1, 2",
        ),
        ("names: 2", "has names 2; expected the classes' names"),
        ("names: &a [*a]", "an alias stands for itself"),
    ],
)
def test_names_of_classes_are_checked(labels, text, said):
    (labels.parent / "data.yaml").write_text(text)
    with pytest.raises(ValueError, match=said):
        found(labels)


def test_without_names_only_one_class_is_clear(labels, tmp_path):
    (labels.parent / "data.yaml").unlink()
    with pytest.raises(ValueError, match="no file says what the classes of"):
        found(labels)
    for path in labels.glob("*.txt"):
        lines = path.read_text().splitlines()
        path.write_text("\n".join(line for line in lines if line.startswith("0")))
    one = read_slice_boxes(labels, PARTICLES[:1], SHAPE, VOXEL, SliceImages())
    assert set(one.squares.particle.tolist()) == {"ribosome"}


def test_padding_that_nobody_told_is_noticed(tmp_path, caplog):
    folder = written(tmp_path / "data" / "labels", letterbox="centre")
    found(folder)
    assert "1.60 times as wide as high" in caplog.text
    caplog.clear()
    found(folder, letterbox="centre")
    assert not caplog.text
    # In the padding, which has no slice.
    (folder / "TS_01_z0002.txt").write_text("0 0.5 0.05 0.1 0.1")
    with pytest.raises(ValueError, match="box outside of the tomogram, on slice 2"):
        found(folder, letterbox="centre")


def test_our_own_detections_are_linked_too(project):
    places = [[z * 10.0, 150, 150] for z in range(6, 15)]
    squares = picks_from_arrays(places, ["ribosome"] * 9)
    one = Detections(squares=squares, side=np.full(9, 120.0))
    write_detections(project / "d.star", one)
    assert link("d.star") == 0
    (position,) = read_picks(project / "TS_01.star").position_zyx
    assert position.tolist() == pytest.approx([100, 150, 150])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("labels", "--slice-step", "5"), "slice_step is 5, which leaves out 4 slices"),
        (("labels", "--min-chord", "0.95"), "min_chord is 0.95, so that particles"),
        (("labels", "--min-chord", "-1"), "min_chord is -1; expected a fraction"),
        (("nowhere",), "nowhere does not exist; expected a folder of YOLO text files"),
    ],
)
def test_what_links_to_nothing_is_refused(project, capsys, words, said):
    written(project / "labels")
    assert link(*words) == 1
    assert said in capsys.readouterr().err
    assert not (project / "TS_01.star").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "expected a folder of YOLO text files"),
        (("labels",), "and --tomogram; or --manifest"),
        (("labels", "--manifest", "m.json"), "--manifest needs --candidates"),
    ],
)
def test_what_is_to_be_linked_is_asked_for(project, capsys, words, said):
    given = ["link", *words, "--settings", "particles.json", "--output", "o.star"]
    assert main(given) == 1
    assert said in capsys.readouterr().err
