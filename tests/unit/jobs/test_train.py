import json

import numpy as np
import pytest
from scipy import ndimage

from picker.config import Config
from picker.formats.volumes.ome_zarr import read_volume, write_volume
from picker.jobs.loaded import read_loaded
from picker.jobs.train import train_stage
from picker.project.manifests import write_manifest
from tests.unit.predicted import preprocessed

SHAPE = (24, 40, 40)
BALLS = np.array([(8, 10, 10), (15, 28, 12), (10, 20, 30), (16, 8, 26)])
SETTINGS = Config.model_validate(
    {
        "method": "self_trained",
        "particles": [{"name": "ball", "radius": 50}],
        "model": {"preset": "small", "widths": [8, 8], "blocks": [1, 1]},
        "train": {
            **{"patch_zyx": [16, 24, 24], "num_workers": 0, "precision": "float32"},
        },
        "predict": {"flips": False},
        "pretrain": {"proposals": "blobs", "steps": 120, "learning_rate": 0.01},
    }
)


@pytest.fixture
def project(tmp_path):
    """A tomogram of dark balls that nobody labeled, and settings."""
    rng = np.random.default_rng(0)
    volume = rng.standard_normal(SHAPE)
    places = np.zeros(SHAPE)
    places[tuple(BALLS.T)] = 1
    ball = np.linalg.norm(np.indices((11, 11, 11)) - 5.0, axis=0) <= 5
    volume -= 3 * ndimage.convolve(places, ball.astype(float), mode="constant")
    write_volume(
        tmp_path / "t.zarr", volume.astype(np.float16), 10.0, {"fingerprint": "f"}
    )
    entry = preprocessed(
        *("t", "unlabeled"), volume=tmp_path / "t.zarr", shape_zyx=SHAPE
    )
    write_manifest(tmp_path / "manifest.json", [entry])
    settings = []
    for name, section in SETTINGS.model_dump(mode="json").items():
        settings.append(tmp_path / f"{name}.json")
        settings[-1].write_text(json.dumps(section))
    return tmp_path, settings


def test_a_network_learns_from_proposals_and_then_from_what_it_finds(project, caplog):
    folder, settings = project

    def train(stage, before=None):
        output = folder / f"{stage}.safetensors"
        train_stage(
            *("self_trained", stage, [folder / "manifest.json"], settings),
            before=before,
            output=output,
            log=folder / f"{stage}.tsv",
            checkpoint=folder / f"{stage}.pt",
        )
        return output

    caplog.set_level("INFO")
    first = train("pretrain")
    assert "ball: 4 proposals teach" in caplog.text
    assert "becomes 0.5, as 4 proposals of it taught" in caplog.text
    second = train("self_train", first)
    loaded = read_loaded([second], None, settings)
    assert loaded.card.stage == "self_train"
    volume = read_volume(folder / "t.zarr")[0]
    picks = loaded.finder.candidates(volume, 10.0)
    picks = picks.select(picks.score >= 0.5)
    assert 2 <= len(picks) <= 4
    away = np.linalg.norm(picks.position_zyx[:, None] - 10.0 * BALLS, axis=2)
    assert away.min(axis=1).max() < 25
