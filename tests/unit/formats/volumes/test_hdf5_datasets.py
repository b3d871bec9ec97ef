import time

import h5py
import numpy as np
import pytest

from picker.formats.volumes import hdf5
from picker.formats.volumes.read import read_tomogram
from tests.unit.formats.volumes.test_hdf5 import SHAPE, marked, write_eman2


def test_the_only_volume_of_another_file_is_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["some/where"] = marked()
        file["numbers"] = np.arange(3)
    match = r"voxel_size of .*a\.h5 is missing; set voxel_size"
    with pytest.raises(ValueError, match=match):
        read_tomogram(tmp_path / "a.h5", "a")
    tomogram, _ = read_tomogram(tmp_path / "a.h5", "a", 7.5)
    np.testing.assert_array_equal(tomogram.volume, marked())


def test_which_volume_must_be_clear(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["even"], file["odd"] = marked(), marked()
    match = r"a\.h5 has 2 three-dimensional datasets \(/even, /odd\); expected one"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)
    with h5py.File(path, "w") as file:
        file["image"] = marked()[0]
    with pytest.raises(ValueError, match=r"has 0 three-dimensional datasets \(none\)"):
        read_tomogram(path, "a", 10.0)


def test_a_stack_is_refused(tmp_path):
    path = write_eman2(tmp_path / "a.hdf")
    with h5py.File(path, "r+") as file:
        file.copy("MDF/images/0", "MDF/images/1")
    with pytest.raises(ValueError, match=r"holds 2 images of EMAN2.*expected one"):
        read_tomogram(path, "a")


def elsewhere(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["v"] = marked()
        file.create_dataset("MDF/images/0/image", data=marked())
    return tmp_path / "secret.h5"


@pytest.mark.parametrize("place", ["MDF", "MDF/images", "MDF/images/0/image"])
@pytest.mark.parametrize("is_soft", [False, True])
def test_links_into_other_files_are_not_followed(tmp_path, place, is_soft):
    elsewhere(tmp_path)
    path = tmp_path / "a.hdf"
    with h5py.File(path, "w") as file:
        link = h5py.ExternalLink("secret.h5", place)
        if is_soft:
            file["door"], link = link, h5py.SoftLink("/door")
        file[place] = link
    match = r"a\.hdf: .* lies in another file, .*secret\.h5.*; expected it in the file"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)


def test_links_within_the_file_are_followed(tmp_path):
    path = tmp_path / "a.hdf"
    with h5py.File(path, "w") as file:
        file["kept/here"] = marked()
        file["MDF/images/0/image"] = h5py.SoftLink("/kept/here")
    np.testing.assert_array_equal(read_tomogram(path, "a", 10.0)[0].volume, marked())
    with h5py.File(path, "w") as file:
        file["MDF/images"] = h5py.SoftLink("/MDF/images")  # to itself
    with pytest.raises(ValueError, match="has 0 three-dimensional datasets"):
        read_tomogram(path, "a", 10.0)


def test_voxels_in_other_files_are_refused(tmp_path):
    (tmp_path / "raw").write_bytes(marked().tobytes())
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        raw = [(str(tmp_path / "raw"), 0, marked().nbytes)]
        file.create_dataset("v", SHAPE, np.float32, external=raw)
    match = r"a\.h5: the voxels of /v lie in another file, .*raw"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)


@pytest.mark.parametrize("is_within", [False, True])
def test_a_virtual_dataset_must_lie_in_one_file(tmp_path, is_within):
    other = elsewhere(tmp_path)
    path = tmp_path / "a.h5"
    layout = h5py.VirtualLayout(SHAPE, np.float32)
    with h5py.File(path, "w") as file:
        if is_within:
            file["halves"] = marked().reshape(2, 9, 20, 28)
            source = h5py.VirtualSource(file["halves"])
            layout[:9], layout[9:] = source[0], source[1]
        else:
            layout[:] = h5py.VirtualSource(other, "v", SHAPE)
        file.create_virtual_dataset("v", layout)
    if is_within:
        found = read_tomogram(path, "a", 10.0)[0].volume
        np.testing.assert_array_equal(found, marked())
        return
    match = r"a\.h5: /v is a virtual dataset .* other files .*secret\.h5"
    with pytest.raises(ValueError, match=match):
        read_tomogram(path, "a", 10.0)


def test_a_part_is_checked_once_if_it_is_named_often(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    layout = h5py.VirtualLayout(SHAPE, np.float32)
    with h5py.File(path, "w") as file:
        file["parts"] = marked().reshape(1, *SHAPE)
        source = h5py.VirtualSource(file["parts"])
        for z in range(SHAPE[0]):
            layout[z] = source[0, z]
        file.create_virtual_dataset("v", layout)
    looked = []
    monkeypatch.setattr(hdf5, "check_chunks", lambda _, part: looked.append(part.name))
    np.testing.assert_array_equal(read_tomogram(path, "a", 10.0)[0].volume, marked())
    assert looked == ["/parts"]


def test_deep_groups_take_no_time(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["v"], group = marked(), file
        for _ in range(2000):
            group = group.create_group("a")
        group["v"] = marked()
        file["again"], file["a/above"] = file["v"], file["/"]
    start = time.process_time()
    np.testing.assert_array_equal(read_tomogram(path, "a", 10.0)[0].volume, marked())
    assert time.process_time() - start < 1
