import json
from pathlib import Path

from picker.config import TomogramRow
from picker.shards import forget_untrue_manifests, shards_from_rows


def rows(num, split="predict", start=0):
    return [
        TomogramRow(
            tomogram=f"TS_{i}",
            path=Path(f"TS_{i}.mrc"),
            split=split,
            picks=(Path("p.star"),),
        )
        for i in range(start, start + num)
    ]


def test_every_tomogram_is_in_one_shard_of_its_split():
    given = rows(100) + rows(7, "labeled", 100) + rows(3, "test", 200)
    shards = shards_from_rows(given, 20)
    assert sorted(r.tomogram for m in shards.values() for r in m) == sorted(
        r.tomogram for r in given
    )
    for name, members in shards.items():
        assert {row.split for row in members} == {name.split("-")[0]}
    assert {name for name in shards if name.startswith("labeled")} == {
        "labeled-0001of0001"
    }
    assert sum(name.startswith("predict") for name in shards) == 8


def test_more_tomograms_change_few_shards():
    before, after = (shards_from_rows(rows(n), 10) for n in (1000, 1005))
    changed = [name for name in after if after[name] != before[name]]
    assert set(before) == set(after)
    assert 1 <= len(changed) <= 5


def test_the_order_of_the_table_does_not_matter_to_membership():
    one, two = shards_from_rows(rows(50), 10), shards_from_rows(rows(50)[::-1], 10)
    assert {k: sorted(r.tomogram for r in v) for k, v in one.items()} == {
        k: sorted(r.tomogram for r in v) for k, v in two.items()
    }


def manifest(folder, name, *entries):
    folder.mkdir(exist_ok=True)
    values = [{"path": str(p), "labels": None, "error": e} for p, e in entries]
    (folder / name).write_text(json.dumps({"tomograms": values}))


def test_only_the_manifest_of_a_missing_file_is_forgotten(tmp_path):
    (tmp_path / "here.star").touch()
    folder = tmp_path / "manifests"
    manifest(
        folder,
        "kept.json",
        (tmp_path / "here.star", None),
        (tmp_path / "failed.star", "bad input"),
    )
    manifest(
        folder,
        "gone.json",
        (tmp_path / "here.star", None),
        (tmp_path / "deleted.star", None),
    )
    forget_untrue_manifests([folder, tmp_path / "no such folder"])
    assert [p.name for p in folder.iterdir()] == ["kept.json"]
