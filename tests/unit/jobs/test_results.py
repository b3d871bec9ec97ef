import pytest

from picker.jobs.results import table_result


@pytest.mark.parametrize(
    ("text", "row"),
    [
        (
            "tomogram\tparticle\tmethod\tpicks\n007\tnan\t1e5\t12\n",
            {"tomogram": "007", "particle": "nan", "method": "1e5", "picks": 12},
        ),
        (
            "loss\tstep\trate\tnote\nnan\t\t2.0\tno\n",
            {"loss": None, "step": None, "rate": 2.0, "note": "no"},
        ),
    ],
)
def test_names_are_texts_and_the_rest_is_what_it_looks_like(tmp_path, text, row):
    table = tmp_path / "rows.tsv"
    table.write_text(text)
    assert table_result(table) == [row]
