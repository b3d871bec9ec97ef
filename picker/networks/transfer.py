"""Changes of a model's weights from outside: another's layers, or other scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

EPSILON = 1e-6
"""Least distance of a score from 0 and 1 that a bias can change."""
ROWS = ("head.", "scored.", "proposed.", "particle.")
"""How names of tensors begin that have a row for each class, the last rows."""
HEADS = (*ROWS, "net.out_tr.")
"""How names of tensors begin whose layers depend on the classes."""


def take_over(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    classes: Sequence[str],
    other_classes: Sequence[str],
) -> list[str]:
    """Copy another model's weights into one, and return the classes that both know.

    All layers but the last are copied as they are; of the last one the rows of those
    classes that both have, by name. Rows of other classes keep their initial values.

    Parameters
    ----------
    model
        Whose weights change.
    weights
        The other's state by name.
    classes, other_classes
        Names of the classes in the order of each model's channels.

    Raises
    ------
    ValueError
        If the other is of a different network: a layer before the last has another
        name or shape.
    """
    own = model.state_dict()
    body = {name: tensor for name, tensor in own.items() if not name.startswith(HEADS)}
    others = {name: t for name, t in weights.items() if not name.startswith(HEADS)}
    unlike = [
        name
        for name in body.keys() | others.keys()
        if name not in body
        or name not in others
        or body[name].shape != others[name].shape
    ]
    if unlike:
        raise ValueError(
            f"{len(unlike)} of {len(body)} layers' weights are not those of this"
            f" network, {min(unlike)} for one; expected a model of the same method,"
            " model.preset, model.widths and model.blocks"
        )
    shared = [name for name in classes if name in other_classes]
    for name, tensor in body.items():
        tensor.copy_(weights[name])
    by_class = [name for name in own if name.startswith(ROWS)]
    if not by_class:  # a network whose last layers mix the classes
        return []
    for name in by_class:
        # A network that segments has a row of background before the classes.
        row = len(own[name]) - len(classes)
        other_row = len(weights[name]) - len(other_classes)
        for one in shared:
            known = weights[name][other_row + list(other_classes).index(one)]
            own[name][row + list(classes).index(one)].copy_(known)
    return shared


def move_scores(model: nn.Module, score: Sequence[float]) -> None:
    """Change the last layer's bias so that what had these scores has 0.5.

    Parameters
    ----------
    model
        A network with `head`, one channel a class.
    score
        `(class,)` in 0..1.
    """
    bias = model.state_dict()["head.bias"]
    bias -= torch.as_tensor(score, dtype=torch.float64).logit(EPSILON).to(bias)
