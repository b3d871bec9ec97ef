import logging

import numpy as np
import pytest

from picker.config import Particle, PretrainSettings
from picker.config.methods import PRETRAIN
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.formats.volumes.ome_zarr import write_volume
from picker.jobs.proposals import proposed_entries, proposed_sources
from picker.project.records import failed
from tests.unit.predicted import preprocessed

CLASSES = Particle(name="a", radius=40), Particle(name="b", radius=30)


class Found:
    """A finder of candidates that were found already, whatever the volume."""

    reads_region = False

    def candidates(self, volume, voxel_size, region):
        positions = [[100.0, 100, 100], [100, 100, 300], [100, 100, 1000], [0, 0, 0]]
        return picks_from_arrays(positions, "aaab", [0.9, 0.46, 0.9, 0.1])


@pytest.fixture
def entry(tmp_path):
    shape = (20, 20, 40)
    write_volume(
        *(tmp_path / "v.zarr", np.zeros(shape, np.float16), 10.0, {"fingerprint": "f"})
    )
    write_picks(tmp_path / "l.star", picks_from_arrays([[50.0, 50, 50]], "b", [0.3]))
    return preprocessed(
        *("t", "unlabeled"),
        volume=tmp_path / "v.zarr",
        labels=tmp_path / "l.star",
        shape_zyx=shape,
    )


def test_sure_proposals_are_labels_and_at_doubtful_ones_nothing_is_known(entry, caplog):
    with caplog.at_level(logging.INFO):
        (source,) = proposed_sources(
            [entry], CLASSES, PretrainSettings(), Found(), least=0.5
        )
    # That outside of the tomogram is none.
    assert source.index_zyx.tolist() == [[10, 10, 10]]
    assert source.particle.tolist() == [0]
    assert source.outside_zyx.tolist() == [[10, 10, 30]]
    known = source.known(np.zeros(3, int), (20, 20, 40), 1)
    assert known[10, 10].tolist() == 26 * [1] + 9 * [0] + 5 * [1]
    assert "a: 1 proposals teach and 1 are doubtful, in 1 tomograms" in caplog.text
    assert "no proposal of b is sure" in caplog.text


def test_the_tables_picks_are_proposals_whatever_their_scores(entry):
    (source,) = proposed_sources([entry], CLASSES, PretrainSettings(), None, least=0.5)
    assert (source.index_zyx.tolist(), source.particle.tolist()) == ([[5, 5, 5]], [1])


def test_proposals_none_of_which_is_sure_say_what_to_do(entry):
    settings = PretrainSettings()
    with pytest.raises(ValueError, match=r"at least 0\.95; lower pretrain\.min_score"):
        proposed_sources([entry], CLASSES, settings, Found(), least=0.95)


def test_proposals_are_made_in_the_first_tomograms_labeled_ones_before():
    entries = [
        preprocessed("a", "unlabeled"),
        failed(preprocessed("b", "unlabeled"), "v.zarr", "truncated"),
        preprocessed("c", "unlabeled", labels="c.star"),
        preprocessed("d", "labeled", labels="d.star"),
        preprocessed("e", "validation", labels="e.star"),
    ]

    def names(**settings):
        given = PretrainSettings(**settings)
        return "".join(e.tomogram for e in proposed_entries(entries, PRETRAIN, given))

    assert names(proposals="blobs") == "dac"
    assert names(proposals="blobs", tomograms=2) == "da"
    assert names(proposals="picks") == "dc"
    with pytest.raises(ValueError, match=r"column picks, got none; give some rows"):
        proposed_entries(entries[:1], PRETRAIN, PretrainSettings(proposals="picks"))
