"""A method that looks at slices: what it detects is linked, again without looking."""

import re

import pytest

from picker.formats.picks.detections import read_detections
from picker.project.manifests import read_predicted
from tests.workflow.project import SMALL, Project


@pytest.fixture(scope="module")
def linked(tmp_path_factory):
    """A project of slices, picked."""
    slices = {"edge": 32, "widths": [8, 16], "width": 16}
    project = Project(
        tmp_path_factory.mktemp("linked") / "project",
        SMALL
        | {
            "method": "yolo_slices",
            "slices": slices,
            "predict": {"min_score": 0.01},
            "simulate": SMALL["simulate"] | {"halves": True},
        },
    )
    project.output = project.succeed("--until", "pick", "reproducibility")
    return project


def test_another_link_links_again_and_looks_at_nothing(linked):
    before = linked.path("yolo_slices", "manifests", "pick.json").read_text()
    linked.change("link", xy_per_radius=0.6)
    jobs = linked.jobs()
    assert jobs >= {"link", "calibrate", "pick"}
    assert not {job for job in jobs if job.startswith(("predict", "detect"))}
    output = linked.succeed("--until", "pick", "reproducibility")
    ran = set(re.findall(r"rule (\w+):", output))
    assert ran >= {"link", "link_halves"}
    assert not {rule for rule in ran if rule.startswith(("train", "predict", "detect"))}
    assert linked.path("yolo_slices", "manifests", "pick.json").read_text() != before


def test_detections_lie_beside_their_candidates(linked):
    manifests = linked.path("yolo_slices", "manifests")
    folders = {"predict": "detections", "halves": "halves/detections"}
    for kind, folder in folders.items():
        for path in (manifests / kind).glob("*.json"):
            for entry in read_predicted([path]).tomograms:
                file = linked.folder / entry.detections
                assert file.parent == linked.path("yolo_slices", folder)
                assert file.name == entry.candidates.name
                assert len(read_detections(file)) > 0


def test_deleted_detections_are_found_again_alone(linked):
    linked.path("yolo_slices", "detections", "sim_003.star").unlink()
    output = linked.succeed("--until", "pick", "reproducibility")
    assert re.findall(r"(sim_\d+): \d+ detections", output) == ["sim_003"]
