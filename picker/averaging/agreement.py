"""How far two averages of different particles agree, by frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from picker.averaging.boxes import CENTRE
from picker.averaging.spectra import SHELL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from picker.averaging.poses import Mean


def shell_correlation(one: Mean, other: Mean) -> NDArray[np.float64]:
    """Return the Fourier shell correlation of two averages.

    Source: G. Harauz and M. van Heel (1986), Exact filters for general geometry three
    dimensional reconstruction, Optik 73, 146-156.

    Parameters
    ----------
    one, other
        The averages; coefficients that one of them has not measured do not count.

    Returns
    -------
    `(16,)`, for each shell from 0; 0 where a shell has nothing.
    """
    cross, power, power_other = _products(one, other)
    norm = np.sqrt(power * power_other)
    return np.divide(cross, norm, out=np.zeros_like(cross), where=norm > 0)


def mean_correlation(halves: Sequence[Mean], shells: range) -> float:
    """Return the mean shell correlation of two averages, large shells more."""
    one, other = halves
    known = one.is_known & other.is_known
    size = np.bincount(SHELL[known], minlength=CENTRE)[list(shells)]
    correlation = shell_correlation(one, other)[list(shells)]
    return float((size * correlation).sum() / max(1, size.sum()))


def resolved(correlation: NDArray[np.float64], least: float = 0.143) -> int:
    """Return the last shell before the correlation first falls below a value.

    0 if it never reaches that. Source of 0.143: P. B. Rosenthal and R. Henderson
    (2003), J. Mol. Biol. 333, 721-745, DOI 10.1016/j.jmb.2003.07.013.
    """
    below = np.flatnonzero(correlation[1:] < least)
    return int(below[0]) if len(below) else len(correlation) - 1


def _products(
    one: Mean, other: Mean
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return for each shell the sums of a·b*, |a|² and |b|²."""
    known = one.is_known & other.is_known
    a, b = one.spectrum[known], other.spectrum[known]
    shell = SHELL[known]

    def summed(values: NDArray[np.floating]) -> NDArray[np.float64]:
        total = np.bincount(shell, values, minlength=CENTRE)
        return total.astype(np.float64)

    return summed((a * b.conj()).real), summed(np.abs(a) ** 2), summed(np.abs(b) ** 2)
