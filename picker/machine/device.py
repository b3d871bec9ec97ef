"""The device to compute on."""

from __future__ import annotations

import torch


def choose_device(name: str) -> torch.device:
    """Return the device that a setting names; auto means the GPU if there is one.

    Raises
    ------
    ValueError
        If it names a GPU and there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is cuda but torch finds no GPU; set device: auto")
    return torch.device(name)
