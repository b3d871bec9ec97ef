from picker.formats.tables.tsv import read_rows, text_of_rows


def test_written_rows_are_read_again_as_text(tmp_path):
    rows = [
        {"tomogram": "TS_1", "picks": 3, "f1": 0.25},
        {"tomogram": "TS_2", "picks": 0, "f1": None},
    ]
    text = text_of_rows(rows)
    assert text == "tomogram\tpicks\tf1\nTS_1\t3\t0.25\nTS_2\t0\t\n"
    path = tmp_path / "table.tsv"
    path.write_text(text)
    assert read_rows(path) == [
        {"tomogram": "TS_1", "picks": "3", "f1": "0.25"},
        {"tomogram": "TS_2", "picks": "0", "f1": ""},
    ]


def test_floats_have_the_digits_asked_for_and_whole_numbers_none():
    rows = [{"x": 2.0, "picks": 2, "name": "2.0", "none": None}]
    assert text_of_rows(rows, digits=3) == "x\tpicks\tname\tnone\n2.000\t2\t2.0\t\n"


def test_named_columns_are_there_without_rows_and_stand_first():
    assert text_of_rows([], ("a", "b")) == "a\tb\n"
    assert text_of_rows([]) == ""
    assert text_of_rows([{"b": 1, "c": 2}], ("a", "b")) == "a\tb\tc\n\t1\t2\n"


def test_a_value_stands_below_its_column_whatever_the_order():
    rows = [{"a": 1, "b": 2}, {"b": 4, "a": 3}, {"c": 5}]
    assert text_of_rows(rows) == "a\tb\tc\n1\t2\t\n3\t4\t\n\t\t5\n"
