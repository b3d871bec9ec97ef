import pytest

from picker.core.messages import printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain\ttext\nÅ µ 粒", "plain\ttext\nÅ µ 粒"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\rb\x9b2Jc", r"a\rb\x9b2Jc"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udcff", r"\udcff"),
        ("x" * 30_000, "x" * 20_000 + "…"),
    ],
)
def test_text_from_files_is_printable(text, expected):
    assert printable(text) == expected
