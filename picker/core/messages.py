"""Texts and values for messages: short, and without control characters."""

from __future__ import annotations

import reprlib
import unicodedata

SHOWN = 80
"""Most characters of a wrong value in a message."""
LONGEST = 20_000
"""Most characters of a whole message."""

_repr = reprlib.Repr()
_repr.maxlevel = 2
_repr.maxstring = _repr.maxother = _repr.maxlong = 2 * SHOWN


def printable(text: str, longest: int = LONGEST) -> str:
    r"""Return a text with control characters written out, as \x1b, and cut short.

    Line breaks and tabs stay; characters that command a terminal, or change the order
    in which it shows text, are written out.
    """
    kept = text if len(text) <= longest else f"{text[:longest]}…"
    if kept.isascii() and kept.replace("\n", "").replace("\t", "").isprintable():
        return kept
    return "".join(map(_written_out, kept))


def _written_out(character: str) -> str:
    # Cc: control. Cf: format, such as a change of direction. Cs: surrogates, by which
    # Python represents bytes that are not text.
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs"):
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def cut(value: object) -> str:
    """Return a value's text for a message, cut short."""
    return printable(str(value), SHOWN)


def shown(value: object) -> str:
    """Return a value as Python shows it, text in quotes, cut short for a message.

    Only the beginning of a large value is read.
    """
    if isinstance(value, str):
        return cut(repr(value[: SHOWN + 1]))
    try:
        return cut(_repr.repr(value))
    except ValueError:  # Python prints no integer of more than 4,300 digits
        return f"a {type(value).__name__} that is too long to be shown"
