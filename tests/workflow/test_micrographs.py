"""A project of micrographs, from images to the files that RELION extracts from."""

import json

from picker.config import Config
from picker.formats.picks.read import read_coordinates
from picker.formats.picks.star import read_picks
from picker.volumes.phantoms.micrographs import carbon_film
from tests.workflow.project import SMALL, Project


def test_micrographs_are_picked_evaluated_and_exported(tmp_path):
    project = Project(
        tmp_path,
        {
            "method": "blobs",
            "particles": SMALL["particles"][:1],
            "tomograms": {"source": "simulate", "dimensions": 2},
            "simulate": SMALL["simulate"]
            | {"labeled": 1, "unlabeled": 0, "shape_zyx": [24, 96, 112], "carbon": 3},
            "preprocess": {"equalise": True, "equalise_tiles": 2, "avoid_carbon": 20},
            "pick": {
                "edge_margin": 20,
                "top_k": 8,
                "context": {"edge": {"all": [30, None]}},
            },
            "export": {"targets": ["autopick"]},
        },
    )
    project.succeed()
    metrics = json.loads(
        project.path("blobs", "evaluation", "metrics.json").read_text()
    )
    assert metrics
    picks = read_picks(project.path("blobs", "picks", "sim_001.star"))
    assert 0 < len(picks) <= 8
    assert (picks.position_zyx[:, 0] == 0).all()
    # The film of carbon is found.
    assert project.path("masks", "sim_001.zarr").is_dir()
    config = Config.model_validate(project.config)
    _, y, x = (picks.position_zyx / config.simulate.voxel_size).round().astype(int).T
    assert (carbon_film(1, config.simulate)[y, x] < 0.5).all()
    assert set(picks.context) == {"edge", "density", "class_density"}
    assert picks.context["edge"].min() >= 30
    listed = project.path("blobs", "export", "autopick", "ribosome")
    found = read_coordinates(listed / "coordinate_files.star", "sim_001")
    assert len(found.value_zyx) == len(picks)
    assert set(found.context) == set(picks.context)
    assert project.path("report", "tomograms", "sim_001.html").is_file()
