import numpy as np
import pytest

from picker.formats.volumes.ome_zarr import write_volume
from picker.jobs.stored import stored_fingerprint, stored_volume
from tests.unit.predicted import preprocessed

DATA = np.arange(24, dtype=np.float16).reshape(2, 3, 4)


def test_a_volume_is_the_one_that_its_manifest_describes(tmp_path):
    entry = preprocessed(volume=tmp_path / "v.zarr", fingerprint="f")
    write_volume(entry.volume, DATA, entry.voxel_size, {"fingerprint": "f"})
    assert stored_fingerprint(entry) == "f"
    np.testing.assert_array_equal(stored_volume(entry)[:], DATA)


@pytest.mark.parametrize("attributes", [{"fingerprint": "other"}, {}])
def test_one_made_again_since_is_refused_as_it_may_have_other_voxels(
    tmp_path, attributes
):
    entry = preprocessed(volume=tmp_path / "v.zarr", fingerprint="f")
    write_volume(entry.volume, DATA, 20.0, attributes)
    for read in (stored_fingerprint, stored_volume):
        with pytest.raises(ValueError, match=r"v\.zarr is not the volume .* run again"):
            read(entry)
