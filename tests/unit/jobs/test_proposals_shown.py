import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from picker.config import Particle
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.formats.volumes.ome_zarr import write_volume
from picker.jobs.proposals_shown import shown_proposals
from picker.jobs.taught import write_proposals
from picker.jobs.training_data import patch_source
from picker.project.records import failed
from tests.unit.predicted import picked, preprocessed

CLASSES = Particle(name="a", radius=40), Particle(name="b", radius=30)
SHAPE = (20, 20, 40)


class Found:
    """A finder of candidates that were found already, whatever the volume."""

    reads_region = False

    def candidates(self, volume, voxel_size, region):
        positions = [
            [100.0, 100, 300],
            [100, 100, 100],
            [50, 100, 100],
            [100, 100, 900],
        ]
        return picks_from_arrays(positions, "abba", [0.3, 0.9, 0.4, 0.9])


def tomogram(folder, name, split, proposals):
    """Return an entry and its source with proposals as labels, a [z, y, x] each."""
    volume = np.random.default_rng(0).normal(size=SHAPE).astype(np.float16)
    volume[:, :10, :20] -= 8
    write_volume(folder / f"{name}.zarr", volume, 10.0, {"fingerprint": "f"})
    entry = preprocessed(name, split, volume=folder / f"{name}.zarr", shape_zyx=SHAPE)
    source = replace(
        patch_source(entry, CLASSES),
        index_zyx=np.array(proposals, float).reshape(-1, 3),
        particle=np.arange(len(proposals)) % 2,
    )
    return entry, source


def write(folder, taught, **changes):
    kinds = {"any_class": False, "are_given": False} | changes
    write_proposals(
        *(folder / "pretrain_proposals.json", "pretrain", taught, CLASSES, Found()),
        **kinds,
    )


def shown(folder, *entries, failures=None):
    tables = [folder / "pretrain.tsv", folder / "burn_in.tsv"]
    failures = [] if failures is None else failures
    return shown_proposals(tables, entries, CLASSES, 0.5, failures)


@pytest.fixture
def taught(tmp_path):
    """The labeled one is shown, though the other has more proposals."""
    return [
        tomogram(tmp_path, "t", "unlabeled", [[5, 5, 5], [9, 9, 9], [9, 9, 30]]),
        tomogram(tmp_path, "k", "labeled", [[12, 10, 30], [9, 10, 10]]),
    ]


def test_as_many_are_kept_of_what_is_found_as_taught(tmp_path, taught):
    write(tmp_path, taught)
    view = shown(tmp_path).view
    assert (view.tomogram, view.stage, view.size) == ("k", "pretrain", (40, 20))
    assert view.z == 100.0
    assert view.proposals.position_zyx.tolist() == [[120, 100, 300], [90, 100, 100]]
    # The best of each class, and none outside of the tomogram.
    assert view.found.position_zyx.tolist() == [[100, 100, 300], [100, 100, 100]]
    assert view.found.particle.tolist() == ["a", "b"]
    picture = np.asarray(
        Image.open(io.BytesIO(base64.b64decode(view.webp))).convert("L")
    )
    # Rising y is up: what is dark at low y and x is below and on the left.
    assert picture.shape == (20, 40)
    assert picture[10:, :20].mean() < picture[:10].mean() - 50


def test_what_taught_every_class_alike_counts_once(tmp_path):
    places = [[9, 10, 10], [9, 10, 10], [5, 10, 30], [5, 10, 30]]
    write(tmp_path, [tomogram(tmp_path, "t", "unlabeled", places)], any_class=True)
    view = shown(tmp_path).view
    assert len(view.proposals) == len(view.found) == 2
    assert view.found.score.tolist() == pytest.approx([0.9, 0.4])


def test_the_slice_cuts_most_circles_that_are_drawn(tmp_path, monkeypatch):
    # Of any class they are as large as the median, 50 Å, and the first class's is 20.
    classes = Particle(name="a", radius=20), Particle(name="b", radius=80)
    monkeypatch.setattr(f"{__name__}.CLASSES", classes)
    heights = [2, 2, 10, 13, 16]
    places = [[z, 10, x] for x, z in enumerate(heights) for _ in classes]
    write(tmp_path, [tomogram(tmp_path, "t", "unlabeled", places)], any_class=True)
    pictures = shown(tmp_path)
    assert pictures.view.z == 120.0
    assert len(pictures.panels[0].circles) == 3


def test_picks_and_known_particles_are_those_of_the_run(tmp_path, taught):
    write(tmp_path, taught)
    found = picks_from_arrays([[100.0, 100, 100]], ["b"], [0.7])
    write_picks(tmp_path / "k.star", found)
    entry = picked(
        *(tmp_path / "k.star", "k", "labeled"),
        volume=taught[1][0].volume,
        labels=tmp_path / "k.star",
        shape_zyx=SHAPE,
    )
    pictures = shown(tmp_path, entry)
    assert [panel.right for panel in pictures.panels] == [1, 1, 1]
    assert (pictures.num_known, pictures.split) == (1, "labeled")
    # Where these taught nobody knows whether they are right.
    write(tmp_path, taught, are_given=True)
    assert shown(tmp_path, entry).num_known == 0
    # A file that cannot be read costs its picture, and is told.
    (tmp_path / "k.star").write_text("no STAR")
    failures = []
    *_, last = shown(tmp_path, entry, failures=failures).panels
    assert last.circles is None
    assert "k.star" in last.why
    assert [failure.tomogram for failure in failures] == ["k"]


def test_without_picks_the_page_says_why(tmp_path, taught):
    write(tmp_path, taught)
    assert shown(tmp_path).panels[2].why == "it is not among the tomograms"
    broken = failed(taught[1][0], tmp_path / "k.zarr", "k.zarr is truncated")
    assert shown(tmp_path, broken).panels[2].why == "k.zarr is truncated"


def test_a_run_without_proposals_or_with_a_damaged_file_has_no_pictures(
    tmp_path, taught, caplog
):
    assert shown(tmp_path) is None
    write(tmp_path, taught)
    path = tmp_path / "pretrain_proposals.json"
    saved = json.loads(path.read_text())
    saved["found"]["score"].pop()
    path.write_text(json.dumps(saved))
    assert shown(tmp_path) is None
    assert "no pictures of proposals" in caplog.text
    assert "pretrain_proposals.json is damaged" in caplog.text
