"""What users gave, fit for a message: short, and without what moves a cursor."""

from __future__ import annotations

import reprlib
import unicodedata

SHOWN = 80
"""Characters of a bad value that a message shows."""
LONGEST = 20_000
"""Characters of a whole message."""

_repr = reprlib.Repr()
_repr.maxlevel = 2
_repr.maxstring = _repr.maxother = _repr.maxlong = 2 * SHOWN


def printable(text: str, longest: int = LONGEST) -> str:
    r"""Return a text with control characters written out, as \x1b, and cut short.

    Lines and tabs stay; what a terminal would obey, or show elsewhere than it stands,
    does not.
    """
    kept = text if len(text) <= longest else f"{text[:longest]}…"
    if kept.isascii() and kept.replace("\n", "").replace("\t", "").isprintable():
        return kept
    return "".join(map(_written_out, kept))


def _written_out(character: str) -> str:
    # Cc, Cf: control and format, such as those that turn the direction of writing; Cs:
    # halves of a character, which are how Python names bytes that are no text.
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs"):
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def cut(value: object) -> str:
    """Return a text for a message, cut short."""
    return printable(str(value), SHOWN)


def shown(value: object) -> str:
    """Return a value for a message, in quotes if it is text, cut short.

    Of a large value only the beginning is looked at.
    """
    if isinstance(value, str):
        return cut(repr(value[: SHOWN + 1]))
    try:
        return cut(_repr.repr(value))
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return f"a {type(value).__name__} that is too long to be shown"
