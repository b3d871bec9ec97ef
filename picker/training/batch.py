"""What one step of the optimizer trains on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What one step trains on.

    Attributes
    ----------
    labeled, target
        `(batch, 1, z, y, x)` and `(batch, class, z/R, y/R, x/R)`, R being the
        network's stride. For a detector of squares the target is `(batch, n, 4)`:
        class number, or −1 where a patch has fewer, centre y, x and side.
    weak, strong
        `(batch, 1, z, y, x)` unlabeled patches as the teacher and as the student see
        them; with batch 0 during burn-in.
    weak_target
        As `target`, of the labels that unlabeled patches have, which lie in partial
        and reviewed tomograms; None: there are none.
    labeled_region, unlabeled_region
        `(batch, 1, z/R, y/R, x/R)`, 1 where targets hold and 0 where nobody looked
        for particles; of reviewed tomograms `(batch, class, z/R, y/R, x/R)`. None where
        they hold everywhere.
    open
        `(batch, 1, z/R, y/R, x/R)`, above 0 in what is open, where particles may be
        that have no label, in patches that were placed anywhere; elsewhere 0. Weights
        with which each voxel of a tomogram counts alike. None: nothing is open.
    hidden_mean
        `(batch, class)` mean that the target should have in what is open, for the
        particles without a label; NaN where nobody knows. None as for `open`.
    """

    labeled: Tensor
    target: Tensor
    weak: Tensor
    strong: Tensor
    weak_target: Tensor | None = None
    labeled_region: Tensor | None = None
    unlabeled_region: Tensor | None = None
    open: Tensor | None = None
    hidden_mean: Tensor | None = None

    def pin_memory(self) -> Batch:
        """Return it in memory that a GPU can copy from; torch's loader calls this."""
        return self._each(lambda tensor: tensor.pin_memory())

    def to(self, device: torch.device) -> Batch:
        """Return it on a device; if it is pinned, without waiting for the copy."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def part(self, i: int, number: int) -> Batch:
        """Return one of so many equal parts, of labeled and of unlabeled patches."""
        return self._each(lambda tensor: tensor.tensor_split(number)[i])

    @property
    def num_patches(self) -> int:
        """Number of patches, labeled and unlabeled."""
        return len(self.labeled) + len(self.weak)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        def changed(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else change(tensor)

        return Batch(
            labeled=change(self.labeled),
            target=change(self.target),
            weak=change(self.weak),
            strong=change(self.strong),
            weak_target=changed(self.weak_target),
            labeled_region=changed(self.labeled_region),
            unlabeled_region=changed(self.unlabeled_region),
            open=changed(self.open),
            hidden_mean=changed(self.hidden_mean),
        )
