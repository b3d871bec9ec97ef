"""A vote of a method whose candidates are there and one that needs no training."""

import json

from picker.formats.picks.star import read_picks
from picker.project.manifests import read_predicted
from tests.workflow.project import SMALL


def test_a_vote_joins_what_is_there_with_a_new_member(copy):
    members = {"semietpicker": 1, "blobs": 0.5}
    copy.configure({**SMALL, "method": "vote", "vote": {"methods": members}})
    output = copy.succeed("results/vote/models/thresholds.json")
    assert "rule train:" not in output
    assert "rule vote:" in output
    assert "rule vote_noisy:" in output
    manifests = copy.path("vote", "manifests")
    (shard,) = (manifests / "predict").glob("labeled-*.json")
    predictions = read_predicted([shard, manifests / "noisy.json"])
    # Two tomograms and three noisy copies of each.
    assert len(predictions.tomograms) == 2 * 4
    found = {
        name: read_picks(copy.path(name, "candidates", "sim_000.star"))
        for name in ("vote", *members)
    }
    most = max(len(found[name]) for name in members)
    assert most <= len(found["vote"]) < sum(len(found[name]) for name in members)
    known = json.loads(copy.path("vote", "models", "thresholds.json").read_text())
    alone = json.loads(
        copy.path("semietpicker", "models", "thresholds.json").read_text()
    )
    for name, value in known["particles"].items():
        assert value["f"] >= alone["particles"][name]["f"] - 0.01
    assert "rule tune:" in copy.succeed("--dry-run", "tune")
