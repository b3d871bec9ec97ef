import os

import numpy as np

from picker.core.stamps import file_stamp
from picker.formats.volumes.ome_zarr import write_volume


def test_not_every_chunk_is_looked_at(tmp_path):
    """Fifteen million of them at 50,000 tomograms; the job looks at its own."""
    volume = tmp_path / "TS.zarr"
    write_volume(volume, np.zeros((100, 130, 200), np.int8), 10.0, {})
    before = file_stamp(volume)
    chunk = volume / "0" / "c" / "1" / "1" / "1"
    chunk.write_bytes(chunk.read_bytes())
    assert file_stamp(volume) == before


def test_a_folder_that_is_no_volume_is_not_walked_through(tmp_path, monkeypatch):
    """It may be a whole disk."""
    (tmp_path / "a" / "b").mkdir(parents=True)

    def walk(folder):
        raise AssertionError(folder)

    monkeypatch.setattr(os, "scandir", walk)
    stat = tmp_path.stat()
    assert file_stamp(tmp_path) == (stat.st_size, stat.st_mtime_ns)
