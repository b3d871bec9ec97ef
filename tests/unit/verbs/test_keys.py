"""What is thrown away when a setting changes, and what is not."""

from __future__ import annotations

import argparse
import json
import logging

import numpy as np
import pytest
from safetensors.torch import load_file

from picker.config import Particle, PredictSettings, PreprocessSettings, TrainSettings
from picker.core.files import write_json
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.formats.volumes.mrc import write_volume
from picker.formats.volumes.ome_zarr import open_volume
from picker.jobs.model_card import model_fingerprint
from picker.project.manifests import read_manifest, write_manifest
from picker.verbs import preprocess, train
from tests.unit.training.test_loop import blobs

SETTINGS = {
    "particles": [{"name": "ball", "radius": 40}],
    "model": {"preset": "small", "widths": [8, 8], "blocks": [1, 1]},
    "preprocess": {},
    "train": {
        "patch_zyx": [16, 24, 24],
        "batch_size": 1,
        "num_workers": 0,
        "precision": "float32",
        "device": "cpu",
    },
    "burn_in": {"steps": 3, "warmup_steps": 1},
    "co_train": {"steps": 2, "warmup_steps": 1, "ramp_up_steps": 1},
}


class Folder:
    """Three tomograms, their settings, and the verbs' results."""

    def __init__(self, path):
        self.path = path
        self.settings = json.loads(json.dumps(SETTINGS))
        self.rows = []
        for i, split in enumerate(["labeled", "labeled", "unlabeled"]):
            source = blobs(i)
            write_volume(path / f"TS_{i}.mrc", source.volume, 10.0)
            picks = picks_from_arrays(10 * source.index_zyx, ["ball"] * 4)
            write_picks(path / f"TS_{i}.star", picks)
            self.rows.append(
                {
                    "tomogram": f"TS_{i}",
                    "path": str(path / f"TS_{i}.mrc"),
                    "split": split,
                    "picks": [str(path / f"TS_{i}.star")] if i < 2 else [],
                }
            )
        self.preprocess()

    def given(self, **more):
        files = [self.path / f"{section}.json" for section in self.settings]
        for file in files:
            write_json(file, self.settings[file.stem])
        return argparse.Namespace(settings=files, **more)

    def preprocess(self):
        """Return the manifest, and the volumes that were made."""
        before = self.times()
        write_json(self.path / "shard.json", self.rows)
        preprocess.run(
            self.given(
                tomograms=self.path / "shard.json",
                volumes=self.path / "tomograms",
                labels=self.path / "labels",
                masks=None,
                noise=None,
                output=self.path / "manifest.json",
            )
        )
        after = self.times()
        made = {name for name, time in after.items() if before.get(name) != time}
        return read_manifest(self.path / "manifest.json").tomograms, made

    def times(self):
        return {
            path.stem: path.stat().st_mtime_ns
            for path in self.path.glob("tomograms/*.zarr")
        }

    def train(self):
        """Train both stages."""
        before = None
        for name in ("burn_in", "co_train"):
            train.run(
                self.given(
                    manifests=[self.path / "manifest.json"],
                    method="semietpicker",
                    stage=name,
                    before=before,
                    checkpoint=self.path / f"{name}.pt",
                    log_table=self.path / f"{name}.tsv",
                    output=self.path / f"{name}.safetensors",
                )
            )
            before = self.path / f"{name}.safetensors"


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


HARMLESS = {
    "device": "auto",
    "resident": "never",
    "num_workers": 1,
    "validate_every": 1,
    "checkpoint_every": 1,
    "checkpoint_minutes": 9.0,
}


def test_what_does_not_change_the_weights_does_not_train_again(folder, caplog):
    folder.train()
    before = model_fingerprint(folder.path / "co_train.safetensors")
    folder.settings["train"] |= HARMLESS
    folder.settings["particles"][0] |= {"color": "#00ff00", "weight": 0.0}
    folder.settings["preprocess"] = {"keep": "all"}
    assert folder.preprocess()[1] == set()
    manifest = folder.path / "manifest.json"
    write_manifest(manifest, reversed(read_manifest(manifest).tomograms))
    with caplog.at_level(logging.INFO):
        folder.train()
    assert "burn_in resumes at step 3" in caplog.text
    assert "co_train resumes at step 2" in caplog.text
    assert "starts again from the beginning" not in caplog.text
    assert model_fingerprint(folder.path / "co_train.safetensors") == before


@pytest.mark.parametrize(
    ("section", "values"), [("train", {"seed": 1}), ("burn_in", {"steps": 4})]
)
def test_what_changes_the_weights_trains_again(folder, caplog, section, values):
    folder.train()
    folder.settings[section] |= values
    with caplog.at_level(logging.INFO):
        folder.train()
    assert "burn_in starts again from the beginning" in caplog.text
    assert "co_train starts again from the beginning" in caplog.text


def test_the_order_of_the_tomograms_does_not_change_the_weights(folder):
    weights = []
    for _ in range(2):
        folder.train()
        weights.append(load_file(folder.path / "co_train.safetensors"))
        for checkpoint in folder.path.glob("*.pt*"):
            checkpoint.unlink()
        folder.rows.reverse()
        folder.preprocess()
    for name, value in weights[0].items():
        np.testing.assert_array_equal(value, weights[1][name])


def test_a_color_a_weight_or_a_split_makes_no_volume_again(folder):
    before, _ = folder.preprocess()
    folder.settings["particles"][0] |= {"color": "#00ff00", "weight": 0.0}
    folder.rows[2] |= {"split": "predict", "tilt_pixel_size": 1.5}
    entries, made = folder.preprocess()
    assert made == set()
    assert (entries[2].split, entries[2].tilt_pixel_size) == ("predict", 1.5)
    keys = [[e.fingerprint for e in some] for some in (before, entries)]
    assert keys[0] == keys[1]


def test_what_labels_depend_on_makes_those_tomograms_again(folder):
    folder.settings["particles"].append({"name": "rod", "radius": 50})
    assert folder.preprocess()[1] == {"TS_0", "TS_1"}
    folder.rows[1]["tilt_pixel_size"] = 1.5
    assert folder.preprocess()[1] == {"TS_1"}
    folder.settings["preprocess"] = {"clip": "none"}
    assert folder.preprocess()[1] == {"TS_0", "TS_1", "TS_2"}


def test_record_and_volume_say_the_same_voxel_size_to_the_last_digit(folder):
    folder.settings["preprocess"] = {"target_voxel_size": 12.7}
    entries, _ = folder.preprocess()
    for entry in entries:
        assert entry.voxel_size == open_volume(entry.volume)[1] == 12.72727


def test_a_volume_of_another_version_is_made_anew(folder):
    """Its record has other fields, as that of version 0.1 had."""
    metadata = folder.path / "tomograms" / "TS_1.zarr" / "zarr.json"
    said = json.loads(metadata.read_text())
    old = {"tomogram": "TS_1", "path": "TS_1.zarr", "voxel_size": 0.0}
    said["attributes"]["picker"]["entry"] = old
    metadata.write_text(json.dumps(said))
    assert folder.preprocess()[1] == {"TS_1"}
    assert folder.preprocess()[1] == set()


def test_each_field_left_out_of_keys_is_a_field():
    assert set(HARMLESS) == TrainSettings.NOT_IN_KEY
    for model in (Particle, PredictSettings, PreprocessSettings, TrainSettings):
        assert model.NOT_IN_KEY <= set(model.model_fields)
    assert PredictSettings(device="cpu").key() == PredictSettings().key()
    assert PredictSettings(halo=4).key() != PredictSettings().key()
