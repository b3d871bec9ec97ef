"""Where to compute."""

from __future__ import annotations

import torch


def choose_device(name: str) -> torch.device:
    """Return the device that a setting names; auto takes the GPU where there is one.

    Raises
    ------
    ValueError
        If it names a GPU and there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is cuda but torch sees no GPU; set device: auto")
    return torch.device(name)
