from pathlib import Path

import pytest

from picker.config import Config, TomogramRow
from picker.project.layout import Results
from picker.project.plan import planned

SETTINGS = {
    "method": "semietpicker",
    "particles": [{"name": "ribosome", "radius": 120}],
    "tomograms": {"source": "table", "shard_size": 2},
    "benchmark": {"methods": ["semietpicker"], "labeled": [1], "seeds": [0]},
}
MANIFESTS = "results/semietpicker/manifests"


def row(name, split, *, halves=True):
    paths = {half: Path(f"{name}_{half}.mrc") for half in ("even", "odd") if halves}
    picks = () if split == "unlabeled" else (Path("picks.star"),)
    return TomogramRow(
        tomogram=name, path=Path(f"{name}.mrc"), split=split, picks=picks, **paths
    )


def plan(*rows, **more):
    return planned(Config.model_validate(SETTINGS | more), rows, Results())


LABELED = row("a", "labeled")
OTHERS = [row(f"u{i}", "unlabeled", halves=i != 1) for i in range(4)]
TEST = row("t", "test")


def test_halves_of_those_that_trained_nothing_are_predicted_shard_after_shard():
    found = plan(LABELED, *OTHERS, TEST)
    assert sum(found.halved.values()) == 4  # neither the labeled one nor u1
    assert not any(shard.startswith("labeled") for shard in found.halved)
    for number in (1, 3, 4):
        some = plan(LABELED, *OTHERS, TEST, reproducibility={"tomograms": number})
        assert sum(some.halved.values()) == number
        *whole, _ = some.halved
        assert all(some.halved[shard] == found.halved[shard] for shard in whole)
        assert list(some.halved) == list(found.halved)[: len(some.halved)]
        ours = some.of("semietpicker")
        assert {s: ours.num_halved(s) for s in some.halved} == some.halved


def test_what_is_made_of_halves():
    found = plan(LABELED, TEST, calibrate={"copies": "noise"})
    ours = found.of("semietpicker")
    halves = f"{MANIFESTS}/halves/test-0001of0001.json"
    assert ours.halves() == [halves]
    assert ours.whole() == [f"{MANIFESTS}/predict/test-0001of0001.json"]
    assert halves in found.every_manifest()
    assert f"{MANIFESTS}/reproducibility.json" in found.failed()
    assert found.reproducibility() == ["results/semietpicker/reproducibility.tsv"]
    assert found.reproducibility()[0] in found.every_result()
    record = found.record()
    assert (record.halves, record.reproducibility) == (("test-0001of0001",), True)
    # A cell of the benchmark is judged by known particles.
    assert not any("halves" in path for path in found.cells_manifests())


BARE = row("t", "test", halves=False)


@pytest.mark.parametrize(
    ("rows", "number"), [((LABELED, BARE), 50), ((LABELED, TEST), 0), ((LABELED,), 50)]
)
def test_without_halves_or_if_unwanted_nothing_is_made_of_them(rows, number):
    more = {"reproducibility": {"tomograms": number}, "calibrate": {"copies": "noise"}}
    found = plan(*rows, **more)
    assert found.halved == {}
    made = [*found.every_manifest(), *found.every_result()]
    assert not any("halves" in path or "reproducib" in path for path in made)
    assert (found.record().halves, found.record().reproducibility) == ((), False)


def test_a_method_that_trains_on_other_splits_is_not_judged_by_them():
    rows = [LABELED, row("p", "partial"), TEST]
    assert [*plan(*rows).halved] == ["test-0001of0001"]
    untrained = plan(*rows, method="blobs")
    assert [*untrained.halved] == ["partial-0001of0001", "test-0001of0001"]


@pytest.mark.parametrize("copies", ["halves", "auto"])
def test_thresholds_rest_on_the_labeled_ones_halves(copies):
    found = plan(LABELED, TEST, calibrate={"copies": copies})
    ours = found.of("semietpicker")
    copies = f"{MANIFESTS}/halves/labeled-0001of0001.json"
    whole = f"{MANIFESTS}/predict/labeled-0001of0001.json"
    assert ours.calibrated_on() == [whole, copies]
    assert copies in found.every_manifest()
    assert f"{MANIFESTS}/noisy.json" not in found.every_manifest()
    assert ours.num_halved("labeled-0001of0001") == 1
    assert not found.record().noisy
    assert found.record().halves[0] == "labeled-0001of0001"
    cell = found.of("benchmark/cells/1_labeled/seed_0/semietpicker")
    assert Path(cell.copies()[0]).name == "labeled-first1.json"
    assert cell.num_halved("labeled-first1") == 1


def test_thresholds_rest_on_noise_where_a_labeled_tomogram_has_no_halves():
    assert plan(LABELED, TEST).copies == "halves"
    assert plan(LABELED, row("b", "labeled", halves=False), TEST).copies == "noise"
    assert plan(LABELED, TEST, calibrate={"copies": "noise"}).copies == "noise"


def test_a_labeled_tomogram_without_halves_is_named():
    rows = (LABELED, row("b", "labeled", halves=False), TEST)
    with pytest.raises(
        ValueError, match=r"labeled tomogram b has none; expected an ev"
    ):
        plan(*rows, calibrate={"copies": "halves"})
    # Where validation tomograms calibrate nobody needs them.
    valid = row("v", "validation", halves=False)
    assert plan(*rows, valid, calibrate={"copies": "halves"}).copies is None
