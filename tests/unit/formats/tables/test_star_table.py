"""STAR text: comments, quotes, rows; what nobody reads does not matter."""

from __future__ import annotations

import pytest

from picker.formats.tables.star_table import read_tables

HEAD = "data_a\n\nloop_\n_name #1\n_x #2\n"


def read(tmp_path, text):
    """Return (name, texts of `name`, numbers of `x`) of each table with both."""
    path = tmp_path / "a.star"
    path.write_text(text)
    return [
        (table.name, table.texts("name"), table.numbers("x").tolist())
        for table in read_tables(path, {"name"}, {"x"})
        if "name" in table and "x" in table
    ]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "01 2\nb 3\n",
        HEAD.replace("_x", "# x follows\n_x") + "01 2\nb 3\n",
        HEAD.replace("_x", "\n  \n_x") + "01 2\nb 3\n",
        HEAD + "\n# rows\n01 2 # the first\n\nb 3\n\n",
        HEAD.replace("data_a", "data_a # picks").replace("loop_", "loop_ # all"),
        HEAD.replace("\n", "\r\n") + "01 2\r\nb 3",
        HEAD.replace(" #1", " 1").replace(" #2", " 2") + "01 2\nb 3\n",
        "version 3\n\n" + HEAD + "\t'01' \"2\"\nb 3\n",
    ],
)
def test_comments_blanks_and_quotes_may_stand_anywhere(tmp_path, text):
    rows = ["01", "b"], [2, 3]
    if "# picks" in text:
        text += "01 2\nb 3\n"
    assert read(tmp_path, text) == [("a", *rows)]


def test_words_with_quotes_blanks_and_hashes(tmp_path):
    text = HEAD + "'group 1' 1\n\"it's\" 2\na#1 3\n\"\"x 4\n'a\"b' 5\n"
    names = ["group 1", "it's", "a#1", '""x', 'a"b']
    assert read(tmp_path, text) == [("a", names, [1, 2, 3, 4, 5])]


def test_rows_that_look_like_other_lines(tmp_path):
    """Tomograms may be called as a block or a column is."""
    text = HEAD + "_x 1\ndata_01 2\nloop_ 3\n_y 4\n"
    names = ["_x", "data_01", "loop_", "_y"]
    assert read(tmp_path, text) == [("a", names, [1, 2, 3, 4])]
    path = tmp_path / "b.star"
    path.write_text('data_\nloop_\n_name\nTS_1\n_TS_2\n"data_3"\ndata_b\n_c 1\n')
    first, second = read_tables(path, {"name", "c"}, ())
    assert first.texts("name") == ["TS_1", "_TS_2", "data_3"]
    assert (second.name, second.texts("c"), len(second)) == ("b", ["1"], 1)


def test_every_table_is_read(tmp_path):
    text = (
        "data_\n_name b\n_x 7\nloop_\n_name\n_x\na 1\n\nloop_\n_x\n_name\n2 c\n"
        "data_empty\ndata_rows\nloop_\n_name\n_x\n"
    )
    assert read(tmp_path, text) == [
        ("", ["b"], [7]),
        ("", ["a"], [1]),
        ("", ["c"], [2]),
        ("rows", [], []),
    ]


def test_only_columns_that_are_read_matter(tmp_path):
    text = HEAD + "_other #3\n_more #4\na 1 nan <NA>\nb 2 \"\" ''\nc 3 many -\n"
    assert read(tmp_path, text) == [("a", ["a", "b", "c"], [1, 2, 3])]


@pytest.mark.parametrize("value", ["nan", "NaN", "<NA>", '""'])
def test_a_value_that_is_read_must_be_there(tmp_path, value):
    with pytest.raises(ValueError, match=r"a.star: row 2 has no x .*fix the row"):
        read(tmp_path, HEAD + f"a 1\nb {value}\n")
    with pytest.raises(ValueError, match=r"a.star: row 2 has no name .*fix the row"):
        read(tmp_path, HEAD + f"a 1\n{value} 2\n")
    path = tmp_path / "a.star"
    path.write_text(HEAD + f"a 1\nb {value}\n")
    (table,) = read_tables(path, (), {"x"})
    assert table.numbers("x", may_lack=True).tolist()[0] == 1
    path.write_text(HEAD + "a 1\nb high\n")
    (table,) = read_tables(path, (), {"x"})
    with pytest.raises(ValueError, match="row 2 has x 'high'; expected a finite numb"):
        table.numbers("x", may_lack=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEAD + "a 1\nb\n",
            r"row 2 has no x \(short row in line 7\); expected a value",
        ),
        (HEAD + "a 1\nb 2 3\n", r"read as STAR \(line 7 has 3 values for 2 columns"),
        ("data_\nloop_\na 1\n", r"read as STAR \(line 3 has 2 values for 0 columns"),
        (
            "data_\n_name #1\n_x #2\na 1\n",
            r"\(line 2 is _name\); expected data_, loop_",
        ),
        ("data_\na 1\n", r"\(line 2 is a 1\); expected data_, loop_ or _name value"),
        (HEAD + "_x #3\na 1 2\n", "has the column x twice; expected it once"),
        (HEAD + "a 1\n" + HEAD, "several tables called data_a; expected each name"),
        ("data_\n", r"no STAR table; expected a line data_ and a loop_"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)


def test_rows_of_more_than_one_batch(tmp_path):
    num = 20_000
    rows = "".join(f"T{i % 3} {i}\n" for i in range(num))
    ((_, names, numbers),) = read(tmp_path, HEAD + rows)
    assert numbers == list(range(num))
    assert names[-2:] == [f"T{(num - 2) % 3}", f"T{(num - 1) % 3}"]
    # A million rows' names are some hundred texts.
    assert len({id(name) for name in names}) == 3
    with pytest.raises(ValueError, match=f"row {num + 1} has x 'a'"):
        read(tmp_path, HEAD + rows + "T a\n")
    with pytest.raises(ValueError, match=f"row {num + 1} has no name"):
        read(tmp_path, HEAD + rows + "nan 1\n")
