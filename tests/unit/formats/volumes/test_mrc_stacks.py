import mrcfile
import numpy as np
import pytest

from picker.formats.volumes.mrc import read_volume
from picker.formats.volumes.read import read_geometry, read_mask, read_tomogram
from tests.unit.formats.memory import little_memory
from tests.unit.formats.volumes.test_mrc import SHAPE, marked, mrc_bytes


def fei1(tilts, order="<"):
    """Return an extended header as Tomography 4 and EPU write it."""
    dtype = mrcfile.dtypes.get_ext_header_dtype(b"FEI1", order)
    table = np.zeros(len(tilts), dtype)
    table["Alpha tilt"] = tilts
    return {"extended": table.tobytes(), "exttyp": b"FEI1"}


def seri(tilts, order="<", size=0):
    """Return an extended header as SerialEM writes it: a tilt and a magnification."""
    table = np.zeros((len(tilts), 2), f"{order}i2")
    table[:, 0] = np.round(np.array(tilts) * 100)
    extra = np.zeros(84, np.uint8)
    extra[16:20] = np.frombuffer(np.array([4, 1 | 8], f"{order}i2").tobytes(), "u1")
    return {
        "extended": table.tobytes().ljust(size, b"\0"),
        "exttyp": b"SERI",
        "extra2": extra.view("V84")[0],
    }


@pytest.fixture
def written(tmp_path):
    def write(**header):
        path = tmp_path / "TS_01.mrc"
        path.write_bytes(mrc_bytes(marked(), **header))
        return path

    return write


TILTS = np.linspace(-60, 60, len(marked()))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("changes", "match"),
    [
        # As mrcfile's set_image_stack does: the cell still counts all sections.
        (lambda _: {"ispg": 0, "mz": 1}, "has space group 0 and MZ 1"),
        (lambda _: {"ispg": 0, "mz": 1, "cella_z": 10}, "has space group 0 and MZ 1"),
        (
            lambda order: {"ispg": 0, **fei1(TILTS, order)},
            "extended header has a tilt for each of them, from -60° to 60°",
        ),
        (
            # It is padded.
            lambda order: {"ispg": 0, **seri(TILTS, order, 1024)},
            "extended header has a tilt for each of them, from -60° to 60°",
        ),
    ],
)
def test_a_tilt_series_is_no_volume_unless_the_user_says_so(
    written, order, changes, match
):
    path = written(order=order, **changes(order))
    match = rf"TS_01\.mrc is 18 images and no volume: its .*{match}.*; expected a rec"
    match += r".*set tomograms\.stacks_are_volumes: true .*--stacks-are-volumes"
    for reader in (read_volume, read_geometry, lambda p: read_tomogram(p, "a", 10.0)):
        with pytest.raises(ValueError, match=match):
            reader(path)
    found, size, _ = read_volume(path, 10.0, may_be_stack=True)
    np.testing.assert_array_equal(found, marked())
    assert size == 10
    assert read_geometry(path, 10.0, may_be_stack=True)[0] == SHAPE
    assert read_mask(path, SHAPE).any()  # it fits: that says more than its header


def test_an_extended_header_of_any_length_takes_no_memory(tmp_path):
    """A file can have holes."""
    length = 2**28
    raw = mrc_bytes(marked(), ispg=0, nsymbt=length, **seri(TILTS))
    path = tmp_path / "a.mrc"
    with path.open("wb") as file:
        file.write(raw[: len(raw) - marked().nbytes])
        file.seek(1024 + length)
        file.write(marked().tobytes())
    match = "a tilt for each of them, from -60° to 60°"
    with little_memory(length // 2), pytest.raises(ValueError, match=match):
        read_volume(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"ispg": 0},  # as IMOD writes volumes
        {"ispg": 1, "mz": 1, "cella_z": 10},
        {"ispg": 0, **fei1(np.zeros(18))},  # one tilt: a volume that kept its header
        {"ispg": 0, **fei1(TILTS[:9])},  # of the series that it was made from
        {"ispg": 0, **fei1(np.linspace(-60, 60, 41))},
        {"ispg": 0, **seri(TILTS[:9])},
        {"ispg": 0, **seri(np.linspace(-60, 60, 41))},
        {"ispg": 1, **seri(TILTS)},
    ],
)
def test_what_may_be_a_volume_is_one(written, changes):
    found, size, warnings = read_volume(written(**changes))
    np.testing.assert_array_equal(found, marked())
    assert (size, warnings) == (10.0, [])


@pytest.mark.parametrize(
    "name", ["TS_01.st", "TS_01.ALI", "TS_01.mrcs", "TS_01_ali.mrc"]
)
def test_a_stack_s_name_counts_where_the_header_does_not_say_volume(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(mrc_bytes(marked(), ispg=1))
    np.testing.assert_array_equal(read_volume(path)[0], marked())
    path.write_bytes(mrc_bytes(marked(), ispg=0))
    match = f"space group 0, and its name ends with {name.removeprefix('TS_01')};"
    with pytest.raises(ValueError, match=match):
        read_volume(path)
