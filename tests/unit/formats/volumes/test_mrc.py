import gzip
import re

import mrcfile
import numpy as np
import pytest

from picker.formats.volumes.mrc import read_volume, write_volume

SHAPE = (18, 20, 28)
DTYPES = {0: np.int8, 1: np.int16, 2: np.float32, 6: np.uint16, 12: np.float16}


def marked(dtype=np.float32):
    """Return a volume whose value says where it is, within 0 to 100."""
    z, y, x = np.indices(SHAPE)
    return ((z * 3 + y * 5 + x * 7) % 101).astype(dtype)


def mrc_bytes(volume, order="<", voxel_size=10.0, extended=b"", **changes):
    """Return an MRC file made by hand; `changes` go into the header."""
    mode = {np.dtype(t): m for m, t in DTYPES.items()}[volume.dtype]
    header = np.zeros((), mrcfile.dtypes.HEADER_DTYPE.newbyteorder(order))
    header["nz"], header["ny"], header["nx"] = volume.shape
    header["mz"], header["my"], header["mx"] = volume.shape
    header["mode"] = mode
    for axis in "xyz":
        header["cella"][axis] = voxel_size * int(header[f"m{axis}"])
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    header["ispg"], header["nsymbt"] = 1, len(extended)
    header["map"] = b"MAP "
    stamp = (0x44, 0x44, 0, 0) if order == "<" else (0x11, 0x11, 0, 0)
    header["machst"] = np.array(stamp, np.uint8)
    for name, value in changes.items():
        if name in ("cella_x", "cella_y", "cella_z"):
            header["cella"][name[-1]] = value
        else:
            header[name] = value
    data = volume.astype(volume.dtype.newbyteorder(order)).tobytes()
    return header.tobytes() + extended + data


@pytest.fixture
def written(tmp_path):
    def write(volume=None, **keywords):
        path = tmp_path / "TS_01.mrc"
        volume = marked() if volume is None else volume
        path.write_bytes(mrc_bytes(volume, **keywords))
        return path

    return write


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mode", DTYPES)
def test_every_mode_in_both_byte_orders(written, mode, order):
    volume = marked(DTYPES[mode])
    found, size, warnings = read_volume(written(volume, order=order))
    assert found.shape == SHAPE
    np.testing.assert_array_equal(found, volume)
    assert (size, warnings) == (10.0, [])


def test_round_trip_keeps_values_and_voxel_size(tmp_path):
    path = tmp_path / "new" / "TS_01.mrc"
    write_volume(path, marked(), 10.012)
    found, size, warnings = read_volume(path)
    np.testing.assert_array_equal(found, marked())
    assert size == pytest.approx(10.012, abs=1e-5)
    assert warnings == []
    assert [p.name for p in path.parent.iterdir()] == ["TS_01.mrc"]
    with mrcfile.open(path) as strict:
        assert strict.is_volume()
        np.testing.assert_array_equal(strict.data, marked())


def test_a_type_that_mrc_lacks_is_written_as_float32(tmp_path):
    write_volume(tmp_path / "a.mrc", marked(np.float64), 8.0)
    found, _, _ = read_volume(tmp_path / "a.mrc")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, marked())


def test_an_extended_header_is_skipped(written):
    found, _, _ = read_volume(written(extended=b"\x07" * 1320))
    np.testing.assert_array_equal(found, marked())


def test_bytes_of_imod_without_its_sign_flag_are_unsigned(tmp_path):
    raw = bytearray(mrc_bytes(marked(np.int8)))
    raw[152:160] = np.array([1146047817, 0], "<i4").tobytes()
    raw[1024] = 200
    (tmp_path / "a.mrc").write_bytes(raw)
    assert read_volume(tmp_path / "a.mrc")[0][0, 0, 0] == 200
    raw[156] = 1
    (tmp_path / "a.mrc").write_bytes(raw)
    assert read_volume(tmp_path / "a.mrc")[0][0, 0, 0] == 200 - 256


@pytest.mark.parametrize(
    "mapcrs", [(1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)]
)
def test_permuted_axes_are_put_back(written, mapcrs):
    """The voxel at z 3, y 5, x 7 stays there whatever the file's order of axes."""
    volume = np.zeros(SHAPE, np.float32)
    volume[3, 5, 7] = 9
    # Section, row, column of the file; 1 is x, 2 is y and 3 is z.
    stored = volume.transpose([3 - axis for axis in mapcrs[::-1]])
    mapc, mapr, maps = mapcrs
    sizes = {"mx": 28, "my": 20, "mz": 18}
    cell = {"cella_x": 280, "cella_y": 200, "cella_z": 180}
    path = written(stored, mapc=mapc, mapr=mapr, maps=maps, **sizes, **cell)
    found, size, warnings = read_volume(path)
    assert found.shape == SHAPE
    assert np.argwhere(found).tolist() == [[3, 5, 7]]
    assert size == 10
    assert len(warnings) == (mapcrs != (1, 2, 3))
    assert all("axes reordered" in text for text in warnings)
    assert all("RELION ignores them" in text for text in warnings)


def test_axes_that_are_no_permutation_are_refused(written):
    with pytest.raises(ValueError, match=r"TS_01\.mrc says its axes are .*fix"):
        read_volume(written(mapc=1, mapr=1, maps=3))


def test_nstart_and_origin_do_not_move_the_volume(written):
    path = written(nxstart=5, nystart=-7, nzstart=9)
    np.testing.assert_array_equal(read_volume(path)[0], marked())


@pytest.mark.parametrize("cut", [1, 1000, 4 * 18 * 20 * 28])
def test_a_truncated_file_is_refused(tmp_path, cut):
    raw = mrc_bytes(marked())
    (tmp_path / "TS_01.mrc").write_bytes(raw[:-cut])
    match = (
        rf"TS_01\.mrc is truncated: its header announces {len(raw)} bytes .*"
        rf"the file has {len(raw) - cut}; copy"
    )
    with pytest.raises(ValueError, match=match):
        read_volume(tmp_path / "TS_01.mrc")


def test_bytes_at_the_end_are_a_warning(tmp_path):
    (tmp_path / "a.mrc").write_bytes(mrc_bytes(marked()) + b"123")
    found, _, warnings = read_volume(tmp_path / "a.mrc")
    np.testing.assert_array_equal(found, marked())
    assert re.search(r"a\.mrc: 3 bytes more", warnings[0])


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"voxel_size": 0.0}, r"0 x 0 x 0 Å, expected more than 0; set voxel_size"),
        ({"mx": 0}, r"expected more than 0; set voxel_size"),
        ({"voxel_size": 1.0}, r"exactly 1\.0 Å.*; set voxel_size in the table"),
        ({"cella_z": 18 * 12.0}, r"10 x 10 x 12 Å, expected the same along each axis"),
        ({"voxel_size": float("nan")}, r"expected more than 0; set voxel_size"),
    ],
)
def test_a_voxel_size_that_cannot_be_true_must_be_set(written, changes, match):
    path = written(**changes)
    with pytest.raises(ValueError, match=r"voxel_size of .*TS_01\.mrc is .*" + match):
        read_volume(path)
    assert read_volume(path, 7.84)[1:] == (7.84, [])


def test_noise_of_a_thousandth_is_no_anisotropy(written):
    assert read_volume(written(cella_z=18 * 10.009))[1] == pytest.approx(10.003)
    with pytest.raises(ValueError, match="the same along each axis"):
        read_volume(written(cella_z=18 * 10.02))


def test_a_set_voxel_size_wins_and_the_difference_is_a_warning(written):
    _, size, warnings = read_volume(written(), 13.48)
    assert size == 13.48
    assert warnings[0].endswith("13.48 Å was set, the file says 10 Å")


@pytest.mark.parametrize("given", [0.0, -1.0, float("nan")])
def test_a_senseless_set_voxel_size_is_refused(written, given):
    with pytest.raises(ValueError, match="expected more than 0"):
        read_volume(written(), given)


@pytest.mark.parametrize(
    ("mode", "kind"), [(3, "complex"), (4, "complex"), (101, "4-bit")]
)
def test_modes_that_are_no_real_numbers_are_refused(written, mode, kind):
    match = rf"TS_01\.mrc has mode {mode} \({kind}.*expected mode 0, 1, 2, 6 or 12"
    with pytest.raises(ValueError, match=match):
        read_volume(written(mode=mode))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (gzip.compress(b"0" * 3000), "compressed with gzip.*gunzip"),
        (b"BZh91AY&SY" + b"\x9a" * 2000, "compressed with bzip2.*bunzip2"),
        (b"II*\x00" + b"\x00" * 2000, "a TIFF file.*convert"),
        (b"hello world\n" * 200, "not an MRC file"),
        (b"", "not an MRC file"),
        (b"\x12\x00\x00\x00", "not an MRC file"),
    ],
)
def test_other_kinds_of_files_are_named(tmp_path, content, match):
    path = tmp_path / "TS_01.mrc"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"TS_01\.mrc is {match}"):
        read_volume(path)


def test_a_stack_of_volumes_is_refused(written):
    with pytest.raises(ValueError, match=r"stack of volumes.*401"):
        read_volume(written(ispg=401))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_missing_machine_stamp_is_a_warning(written, order):
    path = written(order=order, machst=np.zeros(4, np.uint8))
    found, _, warnings = read_volume(path)
    np.testing.assert_array_equal(found, marked())
    name = {"<": "little", ">": "big"}[order]
    assert len(warnings) == 1
    assert "machine stamp is 00 00, which does not say" in warnings[0]
    assert f"read as {name}-endian" in warnings[0]


def test_a_wrong_machine_stamp_is_seen_through(written):
    path = written(order=">", machst=np.array([0x44, 0x44, 0, 0], np.uint8))
    found, _, warnings = read_volume(path)
    np.testing.assert_array_equal(found, marked())
    assert "read as big-endian" in warnings[0]


def test_a_missing_map_is_a_warning(written):
    found, _, warnings = read_volume(written(map=b"\0\0\0\0"))
    np.testing.assert_array_equal(found, marked())
    assert "no 'MAP'" in warnings[0]
