import numpy as np
import pytest

from picker.formats.volumes.ome_zarr import open_volume, write_volume
from picker.training.chunks import ChunkCache

SHAPE = (70, 130, 100)
CHUNK = 64**3 * 2


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes")
    rng = np.random.default_rng(0)
    found = []
    for number in range(2):
        data = rng.standard_normal(SHAPE).astype(np.float16)
        write_volume(folder / f"{number}.zarr", data, 10.0, {})
        found.append((open_volume(folder / f"{number}.zarr")[0], data))
    return found


@pytest.mark.parametrize("size", [0, 3 * CHUNK, 100 * CHUNK])
def test_boxes_are_the_volume_s_voxels_whatever_is_kept(volumes, size):
    cache, rng = ChunkCache(size), np.random.default_rng(1)
    for _ in range(60):
        shape = tuple(int(n) for n in rng.integers(1, (70, 80, 80)))
        corner = rng.integers(0, np.array(SHAPE) - shape + 1)
        volume, data = volumes[rng.integers(2)]
        place = tuple(slice(c, c + s) for c, s in zip(corner, shape, strict=True))
        box = cache.box(volume, corner, shape)
        assert box.dtype == np.float32
        np.testing.assert_array_equal(box, data[place].astype(np.float32))
        np.testing.assert_array_equal(cache.box(data, corner, shape), box)


def read(cache, volume, y):
    """Read a few voxels and return the chunk that they lie in, as it is kept."""
    cache.box(volume[0], np.array([0, y, 0]), (8, 8, 8))
    return next(reversed(cache.chunks.values()))


def test_a_chunk_is_read_once_while_there_is_room(volumes):
    cache = ChunkCache(100 * CHUNK)
    first, beside = read(cache, volumes[0], 0), read(cache, volumes[0], 64)
    other = read(cache, volumes[1], 0)
    assert read(cache, volumes[0], 50) is first
    assert read(cache, volumes[0], 120) is beside
    assert read(cache, volumes[1], 0) is other
    assert len(cache.chunks) == 3


def test_no_more_is_kept_than_the_size_and_the_oldest_goes(volumes):
    cache = ChunkCache(2 * CHUNK)
    first, beside = read(cache, volumes[0], 0), read(cache, volumes[0], 64)
    read(cache, volumes[0], 0)
    read(cache, volumes[1], 0)
    assert cache.used == 2 * CHUNK
    assert read(cache, volumes[0], 0) is first  # used last of the two
    assert read(cache, volumes[0], 64) is not beside
    assert cache.used == sum(chunk.nbytes for chunk in cache.chunks.values())
    assert cache.used <= 2 * CHUNK
