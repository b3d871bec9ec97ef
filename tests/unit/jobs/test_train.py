import json

import numpy as np
import pytest
from scipy import ndimage

from picker.config import Config
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.formats.volumes import mrc
from picker.formats.volumes.ome_zarr import read_volume, write_volume
from picker.jobs.loaded import read_loaded
from picker.jobs.proposals_shown import shown_proposals
from picker.jobs.train import train_stage
from picker.project.manifests import write_manifest
from tests.unit.predicted import preprocessed

SHAPE = (24, 40, 40)
BALLS = np.array([(8, 10, 10), (15, 28, 12), (10, 20, 30), (16, 8, 26)])
BALL = (np.linalg.norm(np.indices((11, 11, 11)) - 5.0, axis=0) <= 5).astype(np.float32)
BY_BLOBS = {
    "method": "self_trained",
    "particles": [{"name": "ball", "radius": 50}],
    "model": {"preset": "small", "widths": [8, 8], "blocks": [1, 1]},
    "train": {
        **{"patch_zyx": [16, 24, 24], "num_workers": 0, "precision": "float32"},
    },
    "predict": {"flips": False},
    "pretrain": {"proposals": "blobs", "steps": 120, "learning_rate": 0.01},
}


class Project:
    """A tomogram of dark balls, and settings that say where proposals come from."""

    def __init__(self, folder, *, picks=None, **changes):
        self.folder = folder
        volume = np.random.default_rng(0).standard_normal(SHAPE)
        places = np.zeros(SHAPE)
        places[tuple(BALLS.T)] = 1
        volume -= 3 * ndimage.convolve(places, BALL.astype(float), mode="constant")
        write_volume(
            folder / "t.zarr", volume.astype(np.float16), 10.0, {"fingerprint": "f"}
        )
        if picks is not None:
            write_picks(folder / "t.star", picks)
        entry = preprocessed(
            *("t", "unlabeled"),
            volume=folder / "t.zarr",
            labels=None if picks is None else folder / "t.star",
            shape_zyx=SHAPE,
        )
        write_manifest(folder / "manifest.json", [entry])
        self.config = Config.model_validate(BY_BLOBS | changes)
        self.settings = []
        for name, section in self.config.model_dump(mode="json").items():
            self.settings.append(folder / f"{name}.json")
            self.settings[-1].write_text(json.dumps(section))

    def train(self, stage, before=None):
        """Return the model that a stage makes."""
        output = self.folder / f"{stage}.safetensors"
        train_stage(
            *(self.config.method, stage, [self.folder / "manifest.json"]),
            self.settings,
            before=before,
            output=output,
            log=self.folder / f"{stage}.tsv",
            checkpoint=self.folder / f"{stage}.pt",
        )
        return output

    def candidates(self, model):
        """Return what a model finds, best first."""
        loaded = read_loaded([model], None, self.settings)
        return loaded.finder.candidates(read_volume(self.folder / "t.zarr")[0], 10.0)

    def shown(self, stage):
        """Return what the report shows of a stage; None of most."""
        tables = [self.folder / f"{stage}.tsv"]
        return shown_proposals(tables, [], self.config.particles, 0.5, [])


def off(picks):
    """Return how far each pick is from the nearest ball [Å]."""
    gap = np.linalg.norm(picks.position_zyx[:, None] - 10.0 * BALLS, axis=2)
    return gap.min(axis=1)


def test_a_network_learns_from_proposals_and_then_from_what_it_finds(tmp_path, caplog):
    project = Project(tmp_path)
    caplog.set_level("INFO")
    first = project.train("pretrain")
    assert "ball: 4 proposals teach" in caplog.text
    assert "becomes 0.5, as 4 proposals of it taught" in caplog.text
    second = project.train("self_train", first)
    loaded = read_loaded([second], None, project.settings)
    assert loaded.card.stage == "self_train"
    picks = project.candidates(second)
    picks = picks.select(picks.score >= 0.5)
    assert 2 <= len(picks) <= 4
    assert off(picks).max() < 25
    view = project.shown("pretrain").view
    assert (view.tomogram, view.any_class) == ("t", False)
    assert len(view.proposals) == len(view.found) == 4
    assert off(view.proposals).max() < 25
    assert project.shown("self_train") is None


def test_matches_of_a_density_map_teach_their_own_class(tmp_path, caplog):
    mrc.write_volume(tmp_path / "ball.mrc", np.pad(BALL, 3), 10.0)
    project = Project(
        tmp_path,
        method="supervised",
        particles=[{"name": "ball", "radius": 50, "density": tmp_path / "ball.mrc"}],
        pretrain=BY_BLOBS["pretrain"] | {"proposals": "template"},
        template={"angular_step": 90, "max_tilt": 90},
    )
    caplog.set_level("INFO")
    model = project.train("pretrain")
    assert "ball: 4 proposals teach" in caplog.text
    assert off(project.candidates(model).select(np.arange(3))).max() < 25
    view = project.shown("pretrain").view
    assert not view.any_class
    assert off(view.proposals).max() < 15


def test_picks_of_another_program_teach_whatever_their_scores(tmp_path, caplog):
    known = picks_from_arrays(10.0 * BALLS[:3], ["ball"] * 3, [0.1, 0.2, 0.3])
    project = Project(
        tmp_path,
        picks=known,
        pretrain=BY_BLOBS["pretrain"] | {"proposals": "picks"},
    )
    caplog.set_level("INFO")
    model = project.train("pretrain")
    assert "ball: 3 proposals teach and 0 are doubtful" in caplog.text
    assert off(project.candidates(model).select(np.arange(3))).max() < 25
    proposals = project.shown("pretrain").view.proposals
    best_first = BALLS[[2, 1, 0]]
    assert proposals.position_zyx.tolist() == (10.0 * best_first).tolist()


@pytest.mark.parametrize("steps", [4, 0])
def test_upicker_shows_the_blobs_that_it_learned_from(tmp_path, steps):
    network = {"edge": 32, "widths": [8, 16], "width": 32, "feedforward": 32}
    network |= {"heads": 2, "decoder_layers": 1, "queries": 12}
    project = Project(
        tmp_path,
        method="upicker",
        picks=picks_from_arrays(10.0 * BALLS, ["ball"] * 4),
        pretrain={},
        upicker={"network": network, "pretrain": {"steps": steps, "warmup_steps": 1}},
    )
    # Of an earlier run.
    (tmp_path / "pretrain_proposals.json").write_text("{}")
    entry = preprocessed(
        *("t", "labeled"),
        volume=tmp_path / "t.zarr",
        labels=tmp_path / "t.star",
        shape_zyx=SHAPE,
    )
    write_manifest(tmp_path / "manifest.json", [entry])
    project.train("pretrain")
    if not steps:
        assert project.shown("pretrain") is None
        return
    view = project.shown("pretrain").view
    assert len(view.proposals) == 4
    assert off(view.proposals).max() < 25


def test_a_rate_that_follows_validation_starts_anew_with_other_particles_there(
    tmp_path, caplog
):
    project = Project(
        tmp_path,
        method="deepfindet",
        pretrain={"proposals": "none"},
        burn_in={"steps": 4, "plateau": {"patience": 1, "epoch_steps": 2}},
        co_train={"steps": 0},
        deepfindet={"miss_weight": 0.7, "class_weights": {"ball": 2}},
    )
    for number, name in ((4, "all"), (3, "fewer")):
        known = picks_from_arrays(10.0 * BALLS[:number], ["ball"] * number)
        write_picks(tmp_path / f"{name}.star", known)

    def train(validated):
        shared = {"volume": tmp_path / "t.zarr", "shape_zyx": SHAPE}
        entries = [
            preprocessed("t", "labeled", labels=tmp_path / "all.star", **shared),
            preprocessed("v", "validation", labels=tmp_path / validated, **shared),
        ]
        write_manifest(tmp_path / "manifest.json", entries)
        caplog.clear()
        project.train("burn_in")
        return caplog.text

    caplog.set_level("INFO")
    assert train("all.star").count("validation F1") == 2
    assert "resumes at step 4" in train("all.star")
    assert "starts again from the beginning" in train("fewer.star")
