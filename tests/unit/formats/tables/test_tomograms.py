"""The table of tomograms."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from picker.config import Config
from picker.formats.tables.tomograms import read_table, text_of_table, tomogram_rows

HEADER = "tomogram\tpath\tsplit\tpicks\tvoxel_size\tmask\ttilt_pixel_size\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a working folder with some files."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.mrc", "b.mrc", "a.star", "a2.json", "mask.mrc"):
        (tmp_path / name).touch()
    return tmp_path


def write(folder, text, header=HEADER):
    path = folder / "tomograms.tsv"
    path.write_bytes((header + text).encode())
    return path


def config(**tomograms):
    particles = [{"name": "ribosome", "radius": 150}]
    return Config.model_validate({"particles": particles, "tomograms": tomograms})


def test_rows(folder):
    path = write(
        folder,
        "01\ta.mrc\tlabeled\ta.star; a2.json\t13.48\tmask.mrc\t1.5\n\n"
        f"TS_2\t{folder}/b.mrc\tunlabeled\n",
    )
    first, second = read_table(path)
    assert first.model_dump() == {
        "tomogram": "01",
        "path": Path("a.mrc"),
        "split": "labeled",
        "picks": (Path("a.star"), Path("a2.json")),
        "voxel_size": 13.48,
        "tilt_pixel_size": 1.5,
        "mask": Path("mask.mrc"),
        "membranes": None,
        "even": None,
        "odd": None,
        "slab_z_low": None,
        "slab_z_high": None,
        "outside": "drop_few",
        "contours": None,
        "called": None,
        "missing_chunks": "error",
        "stacks_are_volumes": False,
        "dimensions": 3,
        "expected": {},
    }
    assert second.path == folder / "b.mrc"
    assert (second.picks, second.voxel_size, second.mask) == ((), None, None)


def test_halves_are_columns_too(folder):
    header = "tomogram\tpath\tsplit\teven\todd\n"
    for name in ("e.mrc", "o.mrc"):
        (folder / name).touch()
    (row,) = read_table(write(folder, "a\ta.mrc\ttest\te.mrc\to.mrc\n", header))
    assert row.halves == (Path("e.mrc"), Path("o.mrc"))
    assert row.files == (Path("a.mrc"), *row.halves)
    (folder / "o.mrc").unlink()
    with pytest.raises(ValueError, match=r"line 2: odd o\.mrc does not exist; fix the"):
        read_table(write(folder, "a\ta.mrc\ttest\te.mrc\to.mrc\n", header))
    with pytest.raises(ValueError, match="tomogram a has an even half and no odd one"):
        read_table(write(folder, "a\ta.mrc\ttest\te.mrc\n", header))


def test_strange_names_become_safe_and_are_remembered(folder):
    header = "tomogram\tpath\tsplit\tcalled\n"
    text = "Position 4\ta.mrc\ttest\n_rec1\ta.mrc\ttest\nc\ta.mrc\ttest\tC (2)\n"
    found = read_table(write(folder, text, header))
    assert [(row.tomogram, row.called) for row in found] == [
        *(("Position_4", "Position 4"), ("rec1", "_rec1"), ("c", "C (2)"))
    ]
    again = type(found[0]).model_validate_json(found[0].model_dump_json())
    assert again == found[0]


def test_a_tilde_is_the_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder / "home"))
    (folder / "home").mkdir()
    for name in ("c.mrc", "c.star", "d.star", "mask.mrc"):
        (folder / "home" / name).touch()
    (folder / "~nobody-of-that-name.mrc").touch()
    cells = "~/c.mrc\tlabeled\t~/c.star;~/d.star\t\t~/mask.mrc"
    path = write(folder, f"a\t{cells}\nb\t~nobody-of-that-name.mrc\ttest\n")
    row, other = read_table(path)
    home = folder / "home"
    assert row.path == home / "c.mrc"
    assert row.picks == (home / "c.star", home / "d.star")
    assert row.mask == home / "mask.mrc"
    assert other.path == Path("~nobody-of-that-name.mrc")
    found = config(table="~/tomograms.tsv", copick={"picks": {"test": "~"}}).tomograms
    assert (found.table, found.copick.picks) == (home / "tomograms.tsv", {"test": home})


def test_a_slab_is_z_of_two_faces(folder):
    header = "tomogram\tpath\tsplit\tslab_z_low\tslab_z_high\n"
    one, other = read_table(
        write(folder, "a\ta.mrc\ttest\t-5.5\t800\nb\tb.mrc\ttest\t\t8e2\n", header)
    )
    assert (one.slab_z_low, one.slab_z_high) == (-5.5, 800)
    assert (other.slab_z_low, other.slab_z_high) == (None, 800)
    for cells, match in (
        ("800\t200", r"line 2: .*slab_z_low is 800 Å .*lower face first, swap them"),
        ("800\t800", "lower face first"),
        ("low\t", r"line 2: slab_z_low: .*number.*'low'"),
        ("\tinf", r"line 2: slab_z_high: .*finite"),
    ):
        with pytest.raises(ValueError, match=match):
            read_table(write(folder, f"a\ta.mrc\ttest\t{cells}\n", header))


def test_crlf_a_byte_order_mark_spaces_and_other_column_orders(folder):
    header = "\ufeffsplit \tpath\ttomogram\r\n"
    (row,) = read_table(write(folder, "test\t a.mrc\tTS_1 \r\n", header))
    assert (row.tomogram, row.path, row.split) == ("TS_1", Path("a.mrc"), "test")


@pytest.mark.parametrize(
    ("header", "text", "message"),
    [
        (
            "tomogram\tpath\n",
            "",
            "no column split; expected a first line with tomogram",
        ),
        (HEADER.replace("mask", "masks"), "", "unknown column 'masks'"),
        ("tomogram,path,split\n", "", "no column tomogram; .*separated by tabs"),
        ("tomogram\tpath\tsplit\tsplit\n", "", "has a column twice"),
        ("", "", "no column tomogram"),
        (HEADER, "\n", "has no rows; name at least one tomogram"),
        (HEADER, "a\ta.mrc\ttest\t\t\t\t\tmore\n", "line 2 has 8 values; expected 7"),
    ],
)
def test_tables_that_are_none(folder, header, text, message):
    with pytest.raises(ValueError, match=message):
        read_table(write(folder, text, header))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\ta.mrc\ttrain\n", "line 2: split: Input should be .*got 'train'"),
        ("../x\ta.mrc\ttest\n", r"line 2: tomogram: name '../x' cannot be used"),
        ("a b;rm\ta.mrc\ttest\n", r"line 2: tomogram: name 'a b;rm' cannot be used"),
        ("a\tc.mrc\ttest\n", r"line 2: path c.mrc does not exist; fix the path"),
        ("a\ta.mrc\tlabeled\tc.star\n", r"line 2: picks c.star does not exist"),
        ("a\ta.mrc\ttest\t\t\tc.mrc\n", r"line 2: mask c.mrc does not exist"),
        ("a\ta.mrc\tlabeled\n", "line 2: .*a is labeled but has no picks"),
        ("a\t\ttest\n", "line 2: path: Field required"),
        (
            "a b\ta.mrc\ttest\n_a_b\ta.mrc\ttest\n",
            "line 3: tomogram '_a_b' is called a_b in files, as 'a b' of line 2 is",
        ),
        ("..\ta.mrc\ttest\n", "line 2: tomogram: name '..' cannot be used"),
        ("a\ta.mrc\ttest\t\t-3\n", "line 2: voxel_size: Input should be greater"),
        ("a\ta.mrc\ttest\t\tx\n", "line 2: voxel_size: .*got 'x'"),
        (
            "a\ta.mrc\ttest\n\nb\ta.mrc\ttest\na\tb.mrc\ttest\n",
            "line 5: tomogram a stands in line 2 already; names must differ",
        ),
    ],
)
def test_rows_with_errors(folder, text, message):
    with pytest.raises(ValueError, match=message):
        read_table(write(folder, text))


def test_ten_problems_are_told_at_once(folder):
    text = "".join(f"t{i}\tno{i}.mrc\ttest\n" for i in range(13))
    with pytest.raises(ValueError, match="has 13 problems:") as caught:
        read_table(write(folder, text))
    lines = str(caught.value).splitlines()
    assert len(lines) == 12
    assert "line 11: path no9.mrc" in lines[10]
    assert lines[11].strip() == "and 3 more"


def test_a_missing_table(folder):
    with pytest.raises(ValueError, match=r"no.tsv does not exist; set tomograms.table"):
        read_table(Path("no.tsv"))


def test_the_settings_voxel_size_fills_gaps(folder):
    write(folder, "a\ta.mrc\ttest\t\t13.48\nb\tb.mrc\ttest\n")
    rows = tomogram_rows(config(voxel_size=10))
    assert [row.voxel_size for row in rows] == [13.48, 10]
    assert [row.voxel_size for row in tomogram_rows(config())] == [13.48, None]


def test_how_picks_are_read_is_set_for_all_rows(folder):
    write(folder, "a\ta.mrc\ttest\ta.star\n")
    (row,) = tomogram_rows(config(outside="error", contours="middles"))
    assert (row.outside, row.contours) == ("error", "middles")


def test_copick_is_a_source(folder):
    (folder / "splits.tsv").write_text("tomogram\tsplit\nTS_1\ttest\n")
    volume = "static/ExperimentRuns/TS_1/VoxelSpacing10.000/denoised.zarr"
    (folder / volume).mkdir(parents=True)
    (row,) = tomogram_rows(config(source="copick", voxel_size=10))
    assert (row.path, row.voxel_size) == (Path(volume), 10)


def test_planning_loads_nothing_heavy():
    code = (
        "import sys; import picker.formats.tables.tomograms, picker.project.plan;"
        "import picker.project.locks, picker.project.launch;"
        "sys.exit(bool({'numpy', 'torch', 'zarr', 'pandas'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[4]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def test_what_the_settings_accept_holds_for_every_row(folder):
    write(folder, "01\ta.mrc\tpredict\t\t13.48\n02\tb.mrc\tpredict\n")
    rows = tomogram_rows(config())
    assert [r.voxel_size for r in rows] == [13.48, None]
    assert {(r.missing_chunks, r.stacks_are_volumes) for r in rows} == {
        ("error", False)
    }
    accept = {"missing_chunks": "fill", "stacks_are_volumes": True}
    rows = tomogram_rows(config(voxel_size=10, **accept))
    assert [r.voxel_size for r in rows] == [13.48, 10]
    assert {(r.missing_chunks, r.stacks_are_volumes) for r in rows} == {("fill", True)}


def test_a_table_that_is_written_is_the_one_that_is_read(folder):
    cells = [
        ("tomogram", "path", "split", "picks", "expected", "voxel_size", "mask"),
        ("a", "a.mrc", "partial", "p.star; q.csv", "ribosome:7;rod:2", "10.012", ""),
        ("Position 4", "b.mrc", "predict", "", "", "", "m.mrc"),
    ]
    text = "".join("\t".join(row) + "\n" for row in cells)
    (folder / "tomograms.tsv").write_text(text)
    rows = read_table(folder / "tomograms.tsv", check_files=False)
    (folder / "again.tsv").write_text(text_of_table(rows))
    assert read_table(folder / "again.tsv", check_files=False) == rows
    assert rows[1].called == "Position 4"
    # Columns that no row needs are left out.
    assert "even" not in (folder / "again.tsv").read_text()


@pytest.mark.parametrize(
    ("column", "value"), [("tilt_pixel_size", "1.5"), ("slab_z_low", "100")]
)
def test_micrographs_have_no_columns_of_tomograms(folder, column, value):
    write(folder, f"a\ta.mrc\tpredict\t{value}\n", f"tomogram\tpath\tsplit\t{column}\n")
    assert tomogram_rows(config())[0].dimensions == 3
    with pytest.raises(
        ValueError, match=f"tomogram a has a value in {column}, which m"
    ):
        tomogram_rows(config_of_micrographs())
    write(folder, "a\ta.mrc\tpredict\n", "tomogram\tpath\tsplit\n")
    assert tomogram_rows(config_of_micrographs())[0].dimensions == 2


def config_of_micrographs():
    particles = [{"name": "ribosome", "radius": 150}]
    return Config.model_validate(
        {"method": "blobs", "particles": particles, "tomograms": {"dimensions": 2}}
    )
