"""From a table with pixel sizes of tilt series to files for RELION."""

from __future__ import annotations

import json

import numpy as np
import pytest

from picker.__main__ import main
from picker.formats import mrc, star
from picker.verbs.common import read_manifest

SHAPE = (16, 20, 28)
FOUR = (
    "data_particles\nloop_\n_rlnTomoName\n_rlnCoordinateX\n_rlnCoordinateY\n"
    "_rlnCoordinateZ\n{name} 89 41 33\n"
)


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    """Return the manifest of two tomograms of 10 Å, one with tilts of 2.5 Å."""
    monkeypatch.chdir(tmp_path)
    volume = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    rows = ["tomogram\tpath\tsplit\tpicks\ttilt_pixel_size"]
    for name, size in (("a", "2.5"), ("b", "")):
        mrc.write_volume(tmp_path / f"{name}.mrc", volume, 10.0)
        (tmp_path / f"{name}.star").write_text(FOUR.format(name=name))
        rows.append(f"{name}\t{name}.mrc\tlabeled\t{name}.star\t{size}")
    (tmp_path / "tomograms.tsv").write_text("\n".join(rows) + "\n")
    particles = [{"name": "ribosome", "radius": 30}]
    (tmp_path / "particles.json").write_text(json.dumps(particles))
    words = "--tomograms tomograms.tsv --settings particles.json --volumes v --labels l"
    main(["preprocess", *words.split(), "--output", "manifest.json"])
    return read_manifest(tmp_path / "manifest.json")


def test_relion_4s_picks_need_the_column(manifest):
    one, other = manifest.tomograms
    assert (one.error, one.tilt_pixel_size) == (None, 2.5)
    assert star.read_picks(one.labels).position_zyx.tolist() == [[80, 100, 220]]
    assert "fill in the column tilt_pixel_size of the table" in other.error


def test_the_column_goes_into_what_is_written(manifest, tmp_path):
    (entry, _) = manifest.tomograms
    picked = manifest.model_copy(
        update={"tomograms": (entry.model_copy(update={"path": entry.labels}),)}
    )
    (tmp_path / "picked.json").write_text(picked.model_dump_json())
    words = "--manifests picked.json --settings particles.json --target"
    for target, first in (("relion4", "a 89.0 41.0 33.0"), ("relion5", "a 80.0 0.0")):
        assert main(["export", *words.split(), target, "--output", target]) == 0
        text = (tmp_path / target / "ribosome.star").read_text()
        assert text.startswith("# tilt_series_pixel_size: 2.5\n")
        assert f"\n{first}" in text


def test_every_target_has_a_folder(manifest, tmp_path):
    (entry, _) = manifest.tomograms
    picked = manifest.model_copy(
        update={"tomograms": (entry.model_copy(update={"path": entry.labels}),)}
    )
    (tmp_path / "picked.json").write_text(picked.model_dump_json())
    words = "--manifests picked.json --settings particles.json --target"
    for target in ("portal", "imod", "dynamo", "tomotwin", "cbox", "eman2"):
        assert main(["export", *words.split(), target, "--output", target]) == 0
        assert any((tmp_path / target).iterdir())
