"""Users' values and texts, made fit for messages: short, without control characters."""

from __future__ import annotations

import reprlib
import unicodedata

SHOWN = 80
"""Characters of a wrong value that a message shows, at most."""
LONGEST = 20_000
"""Characters of a whole message, at most."""

_repr = reprlib.Repr()
_repr.maxlevel = 2
_repr.maxstring = _repr.maxother = _repr.maxlong = 2 * SHOWN


def printable(text: str, longest: int = LONGEST) -> str:
    r"""Return a text with control characters written out, as \x1b, and cut short.

    Line breaks and tabs stay; what would command a terminal, or change the order in
    which it shows text, does not.
    """
    kept = text if len(text) <= longest else f"{text[:longest]}…"
    if kept.isascii() and kept.replace("\n", "").replace("\t", "").isprintable():
        return kept
    return "".join(map(_written_out, kept))


def _written_out(character: str) -> str:
    # Cc, Cf: control and format, such as those that change the direction of text; Cs:
    # half characters, with which Python stands for bytes that are not text.
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs"):
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def cut(value: object) -> str:
    """Return a text for a message, cut short."""
    return printable(str(value), SHOWN)


def shown(value: object) -> str:
    """Return a value for a message, in quotes if it is text, cut short.

    Only the beginning of a large value is read.
    """
    if isinstance(value, str):
        return cut(repr(value[: SHOWN + 1]))
    try:
        return cut(_repr.repr(value))
    except ValueError:  # Python prints no integer of more than 4,300 digits
        return f"a {type(value).__name__} that is too long to be shown"
