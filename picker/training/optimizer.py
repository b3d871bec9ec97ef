"""The optimizer of every stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.optim.adam import adam

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor, nn


class Adam:
    """Adam with decoupled weight decay, as `torch.optim.Adam` computes it.

    That class loads PyTorch's compiler at its first step, only to keep it away: half of
    what a training takes to start. Its function `adam` does not.

    Source: Kingma & Ba 2015, Adam: a method for stochastic optimization; Loshchilov &
    Hutter 2019, Decoupled weight decay regularization.

    Parameters
    ----------
    parameters
        What it changes.
    weight_decay
        Fraction of a parameter that is taken off at a step, times the rate.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], weight_decay: float) -> None:
        self._parameters = list(parameters)
        self._weight_decay = weight_decay
        self._moments: dict[int, dict[str, Tensor]] = {}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Change the parameters that have a gradient, at a learning rate."""
        moved, gradients, moments = [], [], []
        for i, parameter in enumerate(self._parameters):
            if parameter.grad is not None:
                moved.append(parameter)
                gradients.append(parameter.grad)
                moments.append(self._moments.setdefault(i, _zeros(parameter)))
        adam(
            moved,  # type: ignore[arg-type]
            gradients,
            [moment["exp_avg"] for moment in moments],
            [moment["exp_avg_sq"] for moment in moments],
            [],
            [moment["step"] for moment in moments],
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=rate,
            weight_decay=self._weight_decay,
            eps=1e-8,
            maximize=False,
            decoupled_weight_decay=True,
        )

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must hold, under the names of PyTorch's classes."""
        return {"state": self._moments}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `state`, or `state_dict` of PyTorch's class, returned."""
        self._moments = {
            i: {
                "step": moment["step"],
                "exp_avg": moment["exp_avg"].to(self._parameters[i].device),
                "exp_avg_sq": moment["exp_avg_sq"].to(self._parameters[i].device),
            }
            for i, moment in saved["state"].items()
        }


def _zeros(parameter: nn.Parameter) -> dict[str, Tensor]:
    """Return the moments of a parameter that has not been changed yet."""
    return {
        "step": torch.tensor(0.0),
        "exp_avg": torch.zeros_like(parameter),
        "exp_avg_sq": torch.zeros_like(parameter),
    }
