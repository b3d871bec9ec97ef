import pickle

import numpy as np
import pytest

from picker.core.stamps import is_zarr
from picker.formats.volumes.ome_zarr import open_volume, write_volume
from picker.training.chunks import ChunkCache
from tests.unit.formats.volumes.zarr_stores import chunk_files, store


def test_a_folder_without_metadata_is_refused(tmp_path):
    assert not is_zarr(tmp_path)
    with pytest.raises(ValueError, match=r"is not a Zarr folder: expected zarr.json"):
        open_volume(tmp_path)


@pytest.mark.parametrize("name", [".zattrs", ".zgroup"])
def test_damaged_metadata_are_refused(tmp_path, name):
    path = store(tmp_path / "a.zarr")
    (path / name).write_text('{"multiscales": [')
    with pytest.raises(ValueError, match=r"a\.zarr cannot be read .*copy it again"):
        open_volume(path)


def test_a_chunk_that_goes_while_a_volume_is_open_does_not_read_as_zeros(tmp_path):
    path = tmp_path / "a.zarr"
    volume = np.ones((100, 70, 40), np.float16)
    write_volume(path, volume, 10.0, {})
    lazy, _, _ = open_volume(path)
    lazy = pickle.loads(pickle.dumps(lazy))  # as loading processes get it
    chunk_files(path)[2].unlink()
    assert lazy[:64].all()
    match = r"chunk .*a\.zarr/0/c/1/0/0 is missing, which was there"
    with pytest.raises(ValueError, match=match):
        lazy[60:70, :5, :5]
    with pytest.raises(ValueError, match=match):
        ChunkCache(2**20).box(lazy, np.array([60, 0, 0]), (8, 8, 8))
