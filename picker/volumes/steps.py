"""How a volume is normalised, in numbers that are measured once.

What they make of it is the same to the last digit each time: it need not be stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import gaussian_filter

from picker.machine.memory import give_back_mapped_file
from picker.volumes.equalise import Equalising, equalised
from picker.volumes.spectrum import Whitening, filtered, fourier_crop
from picker.volumes.statistics import BLOCK, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    Volume = NDArray[np.float32]

STORED = np.dtype(np.float16)
"""Type of normalised volumes, stored or made again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaling:
    """Clip, subtract the mean, multiply.

    Attributes
    ----------
    limits
        Where values are clipped; None: they are not.
    mean
        What is subtracted then.
    gain
        What they are multiplied by at last; below 0 where contrast is inverted.
    """

    limits: Limits | None
    mean: float
    gain: float

    def of(self, values: ArrayLike) -> Volume:
        """Return values as they are when normalised."""
        result = np.array(values, np.float32)
        if self.limits:
            np.clip(result, *self.limits, out=result)
        result -= self.mean
        result *= self.gain
        return result


@dataclass(frozen=True)
class Normalised:
    """A volume that is clipped and normalised when parts of it are asked for.

    So nothing of its size is made on the way from a file to a file.

    Attributes
    ----------
    source
        `(z, y, x)` real numbers, in memory or mapped; they must not change.
    scaling
        What is done to them.
    """

    source: NDArray[Any]
    scaling: Scaling

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along z, y and x."""
        z, y, x = self.source.shape
        return (z, y, x)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its parts, which is stored."""
        return STORED

    def __getitem__(self, part: slice | tuple[slice, ...], /) -> NDArray[Any]:
        """Return a part, `(z, y, x)`."""
        return self.part(part, STORED)

    def part(self, part: slice | tuple[slice, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return a part, `(z, y, x)`, in another type."""
        source = self.source[part]
        result = np.empty(source.shape, dtype)
        _, num, columns = source.shape
        rows = max(1, BLOCK // columns)
        for plane, into in zip(source, result, strict=True):
            for y in range(0, num, rows):
                into[y : y + rows] = self.scaling.of(plane[y : y + rows])
        return result

    def slices(self) -> Iterator[Volume]:
        """Yield its slices, `(y, x)` of float32, one after the other along z.

        A mapped file takes the memory of a few slices meanwhile.
        """
        for z in range(len(self.source)):
            if z % 16 == 0:
                give_back_mapped_file(self.source)
            yield self.part(slice(z, z + 1), np.float32)[0]
        give_back_mapped_file(self.source)


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """All that preprocessing does to a volume, one after the other.

    Attributes
    ----------
    exponent
        Of the power of two that it is multiplied by first.
    ratio
        Numerator and denominator of the new voxel size over the old.
    before
        How it is clipped before any of the next three; None: there are none.
    whitening
        The filter that whitens it; None: it is not whitened.
    last
        How it is clipped and normalised.
    smooth
        Width (σ) of the Gaussian that smooths it then [its new voxels]; 0: none.
    equalising
        How the contrast of a micrograph is evened out; None: it is not.
    """

    exponent: int
    ratio: tuple[int, int]
    before: Scaling | None
    whitening: Whitening | None
    last: Scaling
    smooth: float = 0.0
    equalising: Equalising | None = None

    def of(self, volume: NDArray[Any]) -> Normalised:
        """Return the volume that they were measured in, normalised.

        Parameters
        ----------
        volume
            `(z, y, x)` in a type whose numbers float32 holds; left unchanged. No copy
            is made of it unless it is rescaled, whitened, smoothed or equalised.
        """
        source = rescaled(volume, self.exponent, Fraction(*self.ratio))
        if self.before:
            clipped = Normalised(source, self.before)
            if self.whitening:
                source = filtered(clipped.slices(), clipped.shape, self.whitening)
            else:
                source = clipped.part(slice(None), np.float32)
            source = smoothed(source, self.smooth)
            if self.equalising:
                source = equalised(source[0], self.equalising)[None]
        return Normalised(source, self.last)

    def of_noise(self, noise: Volume) -> Volume:
        """Return noise after what is linear of them: all but clipping and means.

        Micrographs, whose contrast alone is evened out, have no halves.

        Parameters
        ----------
        noise
            `(z, y, x)` in the units of the volume; may be overwritten.
        """
        result = rescaled(noise, self.exponent, Fraction(*self.ratio))
        if self.whitening:
            result = filtered(result, result.shape, self.whitening)
        result = smoothed(result, self.smooth)
        result *= np.float32((self.before.gain if self.before else 1) * self.last.gain)
        return result


def smoothed(volume: Volume, sigma: float) -> Volume:
    """Return a volume after a Gaussian along its axes; along z not of one slice.

    Parameters
    ----------
    volume
        `(z, y, x)`, which is returned itself if there is nothing to do.
    sigma
        Width of the Gaussian [voxels].
    """
    if sigma == 0:
        return volume
    along_z = sigma if len(volume) > 1 else 0
    result: Volume = gaussian_filter(volume, (along_z, sigma, sigma), mode="nearest")
    return result


def rescaled(volume: NDArray[Any], exponent: int, ratio: Fraction) -> NDArray[Any]:
    """Return a volume times a power of two, with voxels `ratio` times as large.

    Parameters
    ----------
    volume
        `(z, y, x)`, which is returned itself if there is nothing to do.
    exponent
        Of the power.
    ratio
        New voxel size over the old, at least 1.
    """
    if exponent:
        volume = np.ldexp(np.asarray(volume, np.float32), exponent)
    return volume if ratio == 1 else fourier_crop(np.asarray(volume, np.float32), ratio)
