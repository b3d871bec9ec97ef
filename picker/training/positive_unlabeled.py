"""Losses of a voxel classifier that knows some particles, and how many there are.

A voxel is labeled (P), in a particle with a label; empty (N), known to be in none; or
open (U): nobody knows. All is per class: each channel answers for its own, and a
labeled particle's voxels are empty in the channels of other classes.

Source: Uddin et al. 2025, TomoPicker, section 3.2, equations 1 to 8; Kiryo et al. 2017,
Positive-unlabeled learning with non-negative risk estimator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch.nn import functional

from picker.machine.processes import num_processes, total

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from picker.config.tomopicker import TomoPickerSettings
    from picker.training.batch import Batch
    from picker.training.source import PatchSource

    Loss = Callable[["Risks", "Shares", TomoPickerSettings], tuple[Tensor, Tensor]]

EPSILON = 1e-6
LossName = Literal["pn", "pu", "kl"]
PUBLISHED: dict[LossName, float] = {"pn": 10.0, "pu": 1.0, "kl": 100.0}
"""What the authors' code multiplies the labeled fraction by. The paper has 10 for all,
and bs, the patches in a batch, in place of the number of their voxels."""
OVER = (0, 2, 3, 4)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """Fractions of all training tomograms' voxels; for each class they add up to 1.

    Attributes
    ----------
    labeled, empty, open
        `(class,)`; `labeled` is π of equation 2.
    """

    labeled: Tensor
    empty: Tensor
    open: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Risks:
    """Means over voxels, `(class,)` each; L is the cross entropy.

    Where several processes share a batch, each has its own addends of those with a
    gradient. With a momentum, those of single batches add up to the means over many.

    Attributes
    ----------
    labeled, labeled_as_empty
        E over P of L(f, 1) and of L(f, 0).
    empty, open
        E over N and over U of L(f, 0).
    found
        E over U of f.
    mean_labeled_as_empty, mean_open, mean_found, expected
        Over all processes and, with a momentum, earlier batches, without gradient; the
        last is the fraction of U that should be found, NaN where nobody knows.
    fraction
        Of the batch's voxels that are labeled.
    """

    labeled: Tensor
    labeled_as_empty: Tensor
    empty: Tensor
    open: Tensor
    found: Tensor
    mean_labeled_as_empty: Tensor
    mean_open: Tensor
    mean_found: Tensor
    expected: Tensor
    fraction: Tensor


class Means:
    """Means over the voxels of batches, later ones counting more.

    A single batch has few labels or none of a rare class, and little of what is open:
    sums and numbers are averaged, so that every voxel counts alike.

    Parameters
    ----------
    momentum
        Part that earlier batches make up, in 0..1.
    """

    def __init__(self, momentum: float) -> None:
        self.momentum = momentum
        self.sums: Tensor | None = None

    def risks(self, logits: Tensor, batch: Batch) -> Risks:
        """Return a batch's risks, and take it into the means.

        Parameters
        ----------
        logits
            `(batch, class, z, y, x)` float32.
        batch
            Its targets, and where they hold.
        """
        known = 1 if batch.labeled_region is None else batch.labeled_region
        labeled = known * batch.target
        empty = known * (1 - batch.target)
        as_particle, as_empty = (
            functional.softplus(-logits),
            functional.softplus(logits),
        )
        none = torch.zeros_like(logits[0, :, 0, 0, 0])
        own = [
            (labeled * as_particle).sum(OVER),
            (labeled * as_empty).sum(OVER),
            (empty * as_empty).sum(OVER),
            none,
            none,
        ]
        expected = number_open = none
        if batch.open is not None and batch.hidden_mean is not None:
            own[3] = (batch.open * as_empty).sum(OVER)
            own[4] = (batch.open * logits.sigmoid()).sum(OVER)
            each = batch.open.sum((1, 2, 3, 4))[:, None]
            expected = torch.where(each > 0, each * batch.hidden_mean, 0).sum(0)
            number_open = none + each.sum()
        voxels = none + logits[:, 0].numel()
        numbers = [labeled.sum(OVER), empty.sum(OVER), number_open, voxels]
        sums = total(
            torch.stack([*own, expected, *numbers, none + 1 / num_processes()]).detach()
        )
        if self.sums is not None:
            sums = self.momentum * self.sums.to(sums) + sums
        self.sums = sums
        *_, number_labeled, number_empty, number_open, voxels, batches = sums
        # Mean numbers of voxels in a batch.
        p, n, u = (
            (number / batches).clamp_min(EPSILON)
            for number in (number_labeled, number_empty, number_open)
        )
        return Risks(
            labeled=own[0] / p,
            labeled_as_empty=own[1] / p,
            empty=own[2] / n,
            open=own[3] / u,
            found=own[4] / u,
            mean_labeled_as_empty=sums[1] / batches / p,
            mean_open=sums[3] / batches / u,
            mean_found=sums[4] / batches / u,
            expected=sums[5] / batches / u,
            fraction=number_labeled / voxels,
        )

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must hold."""
        return {"sums": self.sums}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.sums = saved["sums"]


def positive_weight(risks: Risks, settings: TomoPickerSettings, name: LossName) -> Any:
    """Return γ, what means over labeled voxels are multiplied by."""
    if settings.positive_weight == "mean":
        return 1.0
    return PUBLISHED[name] * risks.fraction


def positive_negative(
    risks: Risks, shares: Shares, settings: TomoPickerSettings
) -> tuple[Tensor, Tensor]:
    """Return the losses of known and open voxels, `(class,)`, open ones taken as empty.

    γ π E_P[L(f, 1)] and (1 − π) E_U[L(f, 0)] of equation 1, what is known to be empty
    being a part of the paper's U.
    """
    weight = positive_weight(risks, settings, "pn") * shares.labeled
    known = weight * risks.labeled + shares.empty * risks.empty
    return known, shares.open * risks.open


def non_negative(
    risks: Risks, shares: Shares, settings: TomoPickerSettings
) -> tuple[Tensor, Tensor]:
    """Return the losses of known and open voxels, `(class,)`, by equation 5.

    For open voxels π (R_P⁺ − R_P⁻) + R_U⁻, π being the expected fraction of particles
    among them. Where R_U⁻ − π R_P⁻, the risk of what is empty there, has come out
    negative, which it cannot be, the gradient is that of π R_P⁻ − R_U⁻ alone, and the
    value is that of the risk without that term. Together with the labeled voxels' own
    share the weight of R_P⁺ is π' of equation 4.
    """
    weight = positive_weight(risks, settings, "pu")
    prior = risks.expected.nan_to_num()
    empty_risk = risks.open - prior * weight * risks.labeled_as_empty
    mean = risks.mean_open - prior * weight * risks.mean_labeled_as_empty
    is_negative = mean < 0
    known = weight * shares.labeled * risks.labeled + shares.empty * risks.empty
    particles = weight * prior * risks.labeled
    back = particles.detach() - (empty_risk - empty_risk.detach())
    return (
        torch.where(is_negative, known.detach(), known),
        shares.open * torch.where(is_negative, back, particles + empty_risk),
    )


def expected_fraction(
    risks: Risks, shares: Shares, settings: TomoPickerSettings
) -> tuple[Tensor, Tensor]:
    """Return the losses of known and open voxels, `(class,)`, by equation 6.

    E_P[L(f, 1)] and λ KL(E_U[f] ‖ π''). Voxels known to be empty count as much as
    their number is to that of labeled ones; the paper has none.
    """
    weight = positive_weight(risks, settings, "kl")
    balance = shares.empty / shares.labeled.clamp_min(EPSILON)
    known = weight * risks.labeled + balance * risks.empty
    expected = risks.expected.nan_to_num().clamp(EPSILON, 1 - EPSILON)
    found = risks.mean_found.clamp(EPSILON, 1 - EPSILON)
    if settings.divergence == "of_found":
        value = divergence(found, expected)
        slope = (found / expected).log() - ((1 - found) / (1 - expected)).log()
    else:
        value = divergence(expected, found)
        slope = (1 - expected) / (1 - found) - expected / found
    # Nothing is expected where nothing is open. The gradient is that of this batch's
    # mean, in full: what earlier batches made up would only lower λ.
    change = slope * (risks.found - risks.found.detach())
    is_open = (shares.open > 0).to(value)
    return known, settings.prior_weight * is_open * (value / num_processes() + change)


def divergence(one: Tensor, other: Tensor) -> Tensor:
    """Return KL(one ‖ other) of probabilities of yes and no, equation 7."""
    no = (1 - one) * ((1 - one) / (1 - other)).log()
    return one * (one / other).log() + no


LOSSES: dict[LossName, Loss] = {
    "pn": positive_negative,
    "pu": non_negative,
    "kl": expected_fraction,
}


def shares_of(sources: Sequence[PatchSource]) -> Shares:
    """Return what fraction of the tomograms' voxels is labeled, empty and open.

    Balls are counted whole, as those of particles that are expected are.
    """
    sums = np.zeros((3, len(sources[0].radius)))
    for source in sources:
        number = np.bincount(source.particle, minlength=len(source.radius))
        labeled = number * ball(source)
        room = max(source.room, labeled.sum())
        is_open = source.hidden is not None
        empty = (labeled.sum() if is_open else room) - labeled
        sums += [labeled, empty, room - labeled - empty]
    labeled, empty, unknown = torch.from_numpy(sums / sums.sum(0)).float()
    return Shares(labeled=labeled, empty=empty, open=unknown)


def ball(source: PatchSource) -> NDArray[np.float64]:
    """Return `(class,)` volumes of a particle [voxels], Rn of equation 4."""
    volume: NDArray[np.float64] = 4 / 3 * np.pi * source.radius**3
    return volume
