"""Training state and finished models on disk: whole or not at all, never pickled."""

from __future__ import annotations

import json
import logging
import pickle
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from picker.whole import written_whole

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

# A disk that does not answer (OSError) is not among them: it must fail the job, not
# throw its training away.
DAMAGED = (RuntimeError, EOFError, pickle.UnpicklingError)
"""What a cut, empty or foreign checkpoint raises; nothing is unpickled."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values so that an older checkpoint stays readable.

    The file before becomes `<name>.previous`; a kill at any moment leaves one whole.
    """
    with written_whole(path) as temporary:
        torch.save(state, temporary)
        if path.exists():
            path.replace(path.with_name(path.name + ".previous"))


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return the newest readable checkpoint, or None where there is none.

    A damaged file is passed over with a warning and the one before it is taken.
    Loaded with `weights_only`, so a foreign file cannot run code.
    """
    for candidate in (path, path.with_name(path.name + ".previous")):
        if not candidate.exists():
            continue
        try:
            state: dict[str, Any] = torch.load(
                candidate, map_location="cpu", weights_only=True
            )
        except DAMAGED as error:
            logger.warning("%s is damaged (%s); trying an older one", candidate, error)
        else:
            return state
    return None


def save_model(path: Path, model: torch.nn.Module, metadata: dict[str, Any]) -> None:
    """Write a model's weights and what is needed to use them, atomically.

    `metadata` holds plain values: settings, particles, versions.
    """
    weights = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    with written_whole(path) as temporary:
        save_file(weights, temporary, metadata={"picker": json.dumps(metadata)})


def load_weights(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return a model file's weights and metadata.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or not a model of this program.
    """
    if not path.is_file():
        raise ValueError(f"model {path} does not exist; train one or mend the path")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = (file.metadata() or {}).get("picker")
            weights = {name: file.get_tensor(name) for name in file.keys()}
    except SafetensorError as error:
        raise ValueError(
            f"model {path} cannot be read: expected safetensors, got {error};"
            " delete it and run again"
        ) from error
    if metadata is None:
        raise ValueError(f"model {path} was not written by this program; train one")
    return weights, json.loads(metadata)
