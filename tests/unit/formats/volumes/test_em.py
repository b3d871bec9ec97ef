import struct

import numpy as np
import pytest

from picker.formats.volumes import em, mrc
from picker.formats.volumes.read import read_geometry, read_mask, read_tomogram

SHAPE = (18, 20, 28)


def marked(dtype=np.float32):
    return (np.arange(np.prod(SHAPE)) % 251).astype(dtype).reshape(SHAPE)


def write_em(path, volume, machine=6, kind=5, shape=None):
    """Write an EM file as its documentation has it; `shape` may lie."""
    order = ">" if machine in (0, 3, 4, 5) else "<"
    z, y, x = shape or volume.shape
    header = struct.pack(f"{order}4b3i", machine, 0, 0, kind, x, y, z)
    content = volume.astype(volume.dtype.newbyteorder(order)).tobytes()
    path.write_bytes(header.ljust(512, b"\0") + content)
    return path


@pytest.mark.parametrize("machine", [0, 1, 3, 5, 6])
@pytest.mark.parametrize(
    ("dtype", "kind"), [("u1", 1), ("i2", 2), ("i4", 4), ("f4", 5), ("f8", 9)]
)
def test_every_machine_and_type_is_read(tmp_path, machine, dtype, kind):
    path = write_em(tmp_path / "a.vol", marked(dtype), machine, kind)
    tomogram, warnings = read_tomogram(path, "a", 13.1)
    np.testing.assert_array_equal(tomogram.volume, marked())
    assert tomogram.voxel_size == 13.1
    assert [("0 to 255" in text) for text in warnings] == [True] * (kind == 1)
    assert read_geometry(path, 13.1)[:2] == (SHAPE, 13.1)


def test_big_endian_mrc_files_stay_mrc_files(tmp_path):
    """28 voxels along x give no type of EM, 260 give the fourth byte of one."""
    volume = np.zeros((16, 17, 260), ">f4")
    volume[3, 5, 7] = 1
    path = tmp_path / "a.mrc"
    mrc.write_volume(path, volume.astype(np.float32), 10.0)
    raw = path.read_bytes()
    header = np.frombuffer(raw[:1024], mrc.HEADER_DTYPE)[0]
    swapped = header.astype(mrc.HEADER_DTYPE.newbyteorder(">")).tobytes()
    swapped = swapped[:212] + b"\x11\x11\0\0" + swapped[216:]
    path.write_bytes(swapped + volume.tobytes())
    assert em.is_em(path.read_bytes())
    np.testing.assert_array_equal(read_tomogram(path, "a")[0].volume, volume)


def test_a_mask_needs_no_voxel_size(tmp_path):
    volume = np.zeros(SHAPE, np.uint8)
    volume[3, 5, 7] = 200
    mask = read_mask(write_em(tmp_path / "mask.em", volume, kind=1), SHAPE)
    assert np.argwhere(mask).tolist() == [[3, 5, 7]]


def test_the_voxel_size_must_be_set(tmp_path):
    path = write_em(tmp_path / "a.em", marked())
    match = r"voxel_size of .*a\.em is missing; set voxel_size in the table"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a")


def test_a_truncated_file_is_refused(tmp_path):
    path = write_em(tmp_path / "a.em", marked())
    path.write_bytes(path.read_bytes()[:-1])
    match = r"a\.em is truncated: .* 40832 bytes \(28 x 20 x 18 voxels\).* has 40831"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(ValueError, match=r"a\.em is not an MRC file.*EM or HDF5"):
        read_tomogram(path, "a", 10.0)
    with pytest.raises(ValueError, match=r"a\.em is not an EM file.*512 bytes"):
        em.read_volume(path, 10.0)


def test_more_bytes_than_announced_are_left_out(tmp_path):
    path = write_em(tmp_path / "a.em", marked())
    path.write_bytes(path.read_bytes() + b"\0\0")
    tomogram, warnings = read_tomogram(path, "a", 10.0)
    assert tomogram.shape_zyx == SHAPE
    assert "2 bytes more than its header announces" in warnings[0]


def test_complex_numbers_are_refused(tmp_path):
    path = write_em(tmp_path / "a.em", marked(), kind=8)
    with pytest.raises(ValueError, match=r"a\.em holds complex numbers \(type 8\)"):
        read_tomogram(path, "a", 10.0)


@pytest.mark.parametrize("shape", [(0, 20, 28), (-1, 20, 28), (18, 20, 200_000)])
def test_an_impossible_size_is_no_em_file(tmp_path, shape):
    path = write_em(tmp_path / "a.em", marked(), shape=shape)
    with pytest.raises(ValueError, match=r"a\.em is not an MRC file.*EM or HDF5"):
        read_tomogram(path, "a", 10.0)
