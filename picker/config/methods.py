"""What can be trained: each method's network, the labels it sees, how it co-trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal[
    "semietpicker",
    "supervised",
    "supervised_full",
    "mean_teacher",
    "multi_view",
    "vnet",
    "fpn",
    "deepfindet",
]
NetworkName = Literal["unet", "fpn", "vnet", "deepfindet"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a method differs from supervised training of the asymmetric U-Net.

    Attributes
    ----------
    network
        Which network; `deepfindet` segments, the others predict heatmaps.
    all_labels
        Unlabeled tomograms that have picks count as labeled.
    co_trains
        Teacher and student follow on burn-in; without, burn-in takes their steps.
    multi_view, dropblock
        Whether co-training uses them, where the settings have them on.
    """

    network: NetworkName = "unet"
    all_labels: bool = False
    co_trains: bool = False
    multi_view: bool = False
    dropblock: bool = False


METHODS: dict[Method, Recipe] = {
    "semietpicker": Recipe(co_trains=True, multi_view=True, dropblock=True),
    "supervised": Recipe(),
    "supervised_full": Recipe(all_labels=True),
    "mean_teacher": Recipe(co_trains=True),
    "multi_view": Recipe(co_trains=True, multi_view=True),
    "vnet": Recipe(network="vnet"),
    "fpn": Recipe(network="fpn"),
    "deepfindet": Recipe(network="deepfindet"),
}
"""Source: Wang et al. 2025, SemiETPicker, section 3.3 and tables 1, 3 and 4."""
