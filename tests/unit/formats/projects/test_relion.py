"""RELION's tomograms.star as the table of a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from picker.config import Config
from picker.formats.tables.tomograms import tomogram_rows

WHOLE = "Tomograms/job010/tomograms/rec_{}.mrc"
SIZES = [f"rlnTomoSize{axis}" for axis in "XYZ"]
HALF = "Tomograms/job011/tomograms/rec_{}_half{}.mrc"


def star(names, *columns):
    """Return a tomograms.star; each column is a name and a function of the row's."""
    head = ["rlnTomoName", "rlnTomoTiltSeriesPixelSize", *SIZES]
    rows = [
        [name, "1.35", *["4000"] * len(SIZES), *(value(name) for _, value in columns)]
        for name in names
    ]
    lines = [f"_{name} #" for name in [*head, *(name for name, _ in columns)]]
    lines = [f"{line}{number}" for number, line in enumerate(lines, 1)]
    text = [*["", "data_global", "", "loop_"], *lines, *map(" ".join, rows), ""]
    return "\n".join(text)


def whole(name):
    return WHOLE.format(name)


BINNING = ("rlnTomoTomogramBinning", lambda _: "7.407407")
RECONSTRUCTED = ("rlnTomoReconstructedTomogram", whole)


@pytest.fixture
def relion(tmp_path, monkeypatch):
    """Return the folder of a RELION project with two tomograms; ours is beside it."""
    folder = tmp_path / "relion"
    for name in ("TS_01", "TS_03"):
        files = [WHOLE.format(name), HALF.format(name, 1), HALF.format(name, 2)]
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).touch()
    names = ("TS_01", "TS_03")
    job = folder / "Tomograms/job010/tomograms.star"
    job.write_text(star(names, BINNING, RECONSTRUCTED))
    halves = [
        (f"rlnTomoReconstructedTomogramHalf{i}", lambda name, i=i: HALF.format(name, i))
        for i in (1, 2)
    ]
    denoised = (
        "rlnTomoReconstructedTomogramDenoised",
        lambda name: whole(name) if name == "TS_01" else "N/A",
    )
    other = folder / "Tomograms/job011/tomograms.star"
    other.write_text(star(names, BINNING, *halves, denoised))
    ours = tmp_path / "ours"
    ours.mkdir()
    monkeypatch.chdir(ours)
    Path("ribosome.star").touch()
    Path("splits.tsv").write_text("tomogram\tsplit\nTS_03\tlabeled\n")
    return folder


def config(relion, job="job010", **more):
    settings = {"tomograms_star": relion / f"Tomograms/{job}/tomograms.star", **more}
    tomograms = {
        "source": "relion",
        "relion": settings,
        "picks": {"labeled": "ribosome.star"},
    }
    particles = [{"name": "ribosome", "radius": 120}]
    return Config.model_validate({"particles": particles, "tomograms": tomograms})


def test_names_volumes_and_sizes_are_relions(relion):
    first, second = tomogram_rows(config(relion))
    assert (first.tomogram, first.split, first.picks) == ("TS_01", "predict", ())
    assert first.path == relion / WHOLE.format("TS_01")
    assert first.voxel_size == pytest.approx(10)
    assert first.tilt_pixel_size == 1.35
    assert first.halves == ()
    assert (second.split, second.picks) == ("labeled", (Path("ribosome.star"),))


def test_halves_may_be_another_jobs(relion):
    halves = relion / "Tomograms/job011/tomograms.star"
    first, _ = tomogram_rows(config(relion, halves_star=halves))
    assert first.even == relion / HALF.format("TS_01", 1)
    assert first.odd == relion / HALF.format("TS_01", 2)


def test_a_job_of_halves_alone_has_no_whole_volumes(relion):
    with pytest.raises(ValueError, match=r"no column rlnTomoReconstructedTomogram,"):
        tomogram_rows(config(relion, "job011"))
    # TS_03 was not denoised, and somebody counts on its labels.
    with pytest.raises(ValueError, match="line 2: tomogram TS_03 has no rlnTomoRec"):
        tomogram_rows(config(relion, "job011", volume="denoised"))
    Path("splits.tsv").write_text("tomogram\tsplit\nTS_01\ttest\n")
    (row,) = tomogram_rows(config(relion, "job011", volume="denoised"))
    assert (row.tomogram, row.split, len(row.halves)) == ("TS_01", "test", 2)


def test_relion_4_has_no_volumes_so_a_pattern_names_them(relion):
    old = relion / "Tomograms/job010/tomograms.star"
    old.write_text(star(["TS_01", "TS_03"]))
    with pytest.raises(ValueError, match=r"it has none; .* tomograms\.relion\.files"):
        tomogram_rows(config(relion))
    pattern = f"{relion}/{WHOLE.format('{name}')}"
    first, _ = tomogram_rows(config(relion, files=pattern))
    assert first.path == relion / WHOLE.format("TS_01")
    assert (first.voxel_size, first.tilt_pixel_size) == (None, 1.35)


def test_volumes_of_a_pattern_have_their_own_size(relion):
    """Those of WarpTools have, and its file names tilt series, not volumes."""
    star_of_warp = relion / "Tomograms/job010/tomograms.star"
    star_of_warp.write_text(star(["TS_03.tomostar", "TS_01.tomostar"], BINNING))
    pattern = f"{relion}/{WHOLE.format('{name}')}"
    first, second = tomogram_rows(config(relion, files=pattern))
    assert (first.tomogram, first.split) == ("TS_03.tomostar", "labeled")
    assert first.path == relion / WHOLE.format("TS_03")
    assert (second.path, second.voxel_size) == (relion / WHOLE.format("TS_01"), None)


def test_paths_start_where_relion_runs(relion):
    moved = relion / "elsewhere"
    (relion / "Tomograms/job010/tomograms").rename(moved)
    with pytest.raises(ValueError, match=r"no folder above it has; .*relion\.root"):
        tomogram_rows(config(relion))
    with pytest.raises(ValueError, match=r"line 2: .*rec_TS_03\.mrc does not exist"):
        tomogram_rows(config(relion, root=relion))


def test_exports_for_relion_read_the_same_file(relion):
    found = config(relion)
    assert found.export.tomograms_star == found.tomograms.relion.tomograms_star
