"""What the teacher proposes, and how far the student is from it, as training goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from picker.encodings.heatmap import is_peak, nms_kernel
from picker.machine.processes import total

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

EVERY = 5
"""Of so many steps one is looked at; a row of the log is of five of them."""
HEIGHT = 0.5
"""Lowest peak of a heatmap that counts as a pseudo-particle."""
WINDOW = 0.5
"""Edge of the window in which a peak is the highest, as a fraction of the radius."""
PSEUDO = "pseudo_particles_"
"""How the columns of the log begin that have a class's pseudo-particles."""
DIFFERENCE = "student_teacher_difference"
"""The column of the difference between both heatmaps."""
OVER = (0, 2, 3, 4)


class Teaching:
    """Means over what unlabeled patches showed since the last row of the log.

    It reads heatmaps that training has anyway, and changes nothing.

    Parameters
    ----------
    names
        The classes.
    radius
        `(class,)` of the particles [input voxels].
    stride
        R, input voxels per voxel of a heatmap.
    """

    def __init__(
        self, names: Sequence[str], radius: NDArray[np.floating], stride: int
    ) -> None:
        self.names = names
        self.kernels = [nms_kernel(r, WINDOW, stride) for r in radius]
        self.stride = stride
        # `(4, class)`: pseudo-particles, voxels, differences, larger values.
        self.sums: Tensor | None = None

    def add(
        self,
        teacher: Tensor,
        student: Tensor,
        region: Tensor | None,
        picks: Tensor | None = None,
    ) -> None:
        """Look at both heatmaps of the same unlabeled patches.

        Parameters
        ----------
        teacher, student
            `(batch, class, z/R, y/R, x/R)` in [0, 1].
        region
            As these, or with one class for all, 1 where they count; None: everywhere.
        picks
            `(n, 5)` pseudo-picks as indices of a heatmap; None: its peaks of at least
            `HEIGHT` are counted.
        """
        student = student.detach()
        where = torch.ones_like(teacher)
        if region is not None:
            where = where * region
        if picks is None:
            marks = torch.stack(
                [
                    is_peak(teacher[:, number], kernel, HEIGHT)
                    for number, kernel in enumerate(self.kernels)
                ],
                dim=1,
            ).to(where)
        else:
            marks = torch.zeros(where.shape)
            marks[tuple(picks.T)] = 1
            marks = marks.to(where)
        parts = (
            marks,
            torch.ones_like(where),
            (teacher - student).abs(),
            torch.maximum(teacher, student),
        )
        here = total(torch.stack([(where * part).sum(OVER) for part in parts]))
        self.sums = here if self.sums is None else self.sums.to(here) + here

    def means(self) -> dict[str, float]:
        """Return what a row of the log shows, and begin anew.

        Returns
        -------
        For each class pseudo-particles in a million voxels of the tomogram. And the
        heatmaps' difference, Σ |student - teacher| / Σ max(student, teacher): 0 if they
        are the same, 1 if they have nothing in common. What is of no voxel is left out.
        """
        if self.sums is None:
            return {}
        number, voxels, difference, larger = self.sums.tolist()
        self.sums = None
        figures = {
            PSEUDO + name: 1e6 * found / (size * self.stride**3)
            for name, found, size in zip(self.names, number, voxels, strict=True)
            if size
        }
        if sum(larger):
            figures[DIFFERENCE] = sum(difference) / sum(larger)
        return figures

    def state(self) -> Tensor | None:
        """Return what a checkpoint must hold."""
        return self.sums

    def restore(self, saved: Tensor | None) -> None:
        """Take over what `state` gave."""
        self.sums = saved
