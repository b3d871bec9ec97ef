from pathlib import Path

import pytest

from picker.config import TomogramRow
from picker.project.shards import shards_from_rows


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
    assert sum(name.startswith("predict") for name in shards) == 4


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


@pytest.mark.parametrize(("num", "size"), [(1, 32), (31, 32), (1000, 32), (50, 7)])
def test_there_are_no_more_jobs_than_the_size_allows(num, size):
    assert len(shards_from_rows(rows(num), size)) <= max(1, num / size)
