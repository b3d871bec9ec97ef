import matplotlib as mpl
from matplotlib.figure import Figure

from picker.report.svg import STYLE, svg_of


def drawn(**options):
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1, 1))
        figure.add_subplot().set_title("a title")
    return svg_of(figure, **options)


def test_a_figure_is_the_same_text_each_time_and_has_no_date():
    text = drawn()
    assert text == drawn()
    assert "date" not in text
    assert ">a title</text>" in text  # letters, not their outlines


def test_a_transparent_figure_has_no_background():
    assert "#ffffff" in drawn()
    assert "#ffffff" not in drawn(transparent=True)


def test_a_style_of_its_own_is_used():
    plain = drawn(style={**STYLE, "svg.fonttype": "path"})
    assert ">a title</text>" not in plain
