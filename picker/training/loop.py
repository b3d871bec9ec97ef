"""Burn-in on labeled tomograms, then teacher and student on all of them.

Source: Wang et al. 2025, SemiETPicker, section 2.3; vocabulary of Liu et al. 2021,
Unbiased Teacher.
"""

from __future__ import annotations

import copy
import csv
import logging
import os
import time
from typing import TYPE_CHECKING

import torch

from picker.core.whole import written_whole
from picker.machine.precision import choose_precision
from picker.machine.processes import (
    any_process,
    is_first,
    num_processes,
    share_statistics,
    shared_out,
    total,
)
from picker.machine.progress import Progress
from picker.machine.signals import Interrupted, StopRequest
from picker.training.checkpoint import load_checkpoint, save_checkpoint
from picker.training.patches import PatchDataset, batches
from picker.training.step import Stage, TrainingState, add_gradients, learning_rate_at
from picker.training.teacher import update_teacher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from picker.networks.network import Network

logger = logging.getLogger(__name__)

LOG_EVERY = 25
"""Steps between rows of the training log."""
MAX_BAD_STEPS = 20
"""Steps in a row without a finite gradient after which training stops."""


def run_stage(
    stage: Stage,
    model: Network,
    dataset: PatchDataset,
    *,
    device: torch.device,
    checkpoint: Path,
    log: Path,
    key: str = "",
    validate: Callable[[Network], float] | None = None,
    stop: StopRequest | None = None,
) -> Network:
    """Train one stage and return its averaged model, the teacher.

    Where the teacher stays what it was (`mean_teacher` off) it is the student.

    Parameters
    ----------
    stage
        Which stage, with its settings.
    model
        Where both student and teacher start.
    dataset
        Batches by step; with unlabeled patches in co-training.
    device
        Where to train.
    checkpoint
        Written as training goes; resumed from where it exists.
    key
        Names what is trained on what; a checkpoint with another is not resumed.
    log
        Table of step, losses, learning rate and speed, rewritten at checkpoints.
    validate
        Gives the mean F1 of a model, where there are validation tomograms.
    stop
        Whether to stop before the next step.

    Raises
    ------
    ValueError
        If the loss stays without a finite gradient.
    Interrupted
        If a signal asks to stop; the checkpoint holds the step it came in.
    """
    shared, settings = stage.shared, stage.settings
    stop = StopRequest() if stop is None else stop
    torch.manual_seed(shared.seed)
    compute_reproducibly(device)
    student = model.to(device)
    teacher = copy.deepcopy(student).eval().requires_grad_(requires_grad=False)
    share_statistics(student)
    optimizer = torch.optim.Adam(
        student.parameters(),
        weight_decay=shared.weight_decay,
        decoupled_weight_decay=True,
    )
    state = TrainingState(student=student, teacher=teacher, optimizer=optimizer)
    saved = load_checkpoint(checkpoint)
    if saved is not None and saved["key"] != key:
        logger.info("%s starts anew: settings or labels changed", stage.name)
    elif saved is not None:
        state.restore(saved)
        logger.info("%s resumes at step %d", stage.name, state.step)
    if num_processes() > 1:
        logger.info("%s on %d processes", stage.name, num_processes())
    student.train()
    forward = shared_out(student)
    decay = _ema_decay(stage)
    result = teacher if decay < 1 else student

    def save() -> None:
        if is_first():
            save_checkpoint(checkpoint, {**state.to_dict(), "key": key})
            write_log(log, state.rows)

    def validate_if_due() -> None:
        """Add F1 to the last row, unless it has it; a killed run may lack it."""
        due = state.step % shared.validate_every == 0 or state.step == settings.steps
        if validate and is_first() and due and state.rows:
            row = state.rows[-1]
            if row["step"] == state.step and "validation_f1" not in row:
                result.eval()
                row["validation_f1"] = validate(result)
                student.train()
                logger.info("validation F1 %.3f", row["validation_f1"])

    deepest_edge = -(-min(dataset.shape) // student.alignment)
    precision = choose_precision(
        shared.precision, device, narrowest=(deepest_edge, student.kernel)
    )
    logger.info("%s computes on %s in %s", stage.name, device, precision)
    autocast = torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=precision.is_half
    )
    bad_steps, last_save = 0, time.monotonic()
    since, since_step = time.monotonic(), state.step
    progress = Progress(stage.name, settings.steps, "steps", state.step)
    validate_if_due()
    for batch in batches(dataset, state.step, settings.steps, device):
        rate = learning_rate_at(state.step, settings)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        losses = add_gradients(stage, state, forward, batch.to(device), autocast)
        norm = torch.nn.utils.clip_grad_norm_(student.parameters(), 10.0)
        # See `choose_precision`; one such step must not poison the weights.
        if torch.isfinite(norm):
            optimizer.step()
            update_teacher(teacher, student, decay)
            bad_steps = 0
        else:
            bad_steps += 1
            logger.warning("step %d: gradient not finite, left out", state.step)
            if bad_steps >= MAX_BAD_STEPS:
                raise ValueError(
                    f"{stage.name}: {bad_steps} steps in a row gave no finite gradient;"
                    " set train.precision: float32 or lower the learning rate"
                )
        state.step += 1
        done = state.step == settings.steps
        if state.step % LOG_EVERY == 0 or done:
            speed = (state.step - since_step) / (time.monotonic() - since)
            since, since_step = time.monotonic(), state.step
            row = {
                "step": state.step,
                "loss": total(torch.stack(list(losses.values())).sum()).item(),
                **{name: total(value).item() for name, value in losses.items()},
                "learning_rate": rate,
                "gradient_norm": norm.item(),
                "steps_per_second": speed,
            }
            state.rows.append(row)
        # Rows are added up over all processes; the time of a line is each one's own.
        progress.update(state.step, _loss(state.rows))
        if any_process(bool(stop), device) and not done:
            save()
            raise Interrupted(
                f"{stage.name} stopped by {stop} at step {state.step} of"
                f" {settings.steps}; the same command goes on from there",
                stop.number,
            )
        due = time.monotonic() - last_save > 60 * shared.checkpoint_minutes
        if state.step % shared.checkpoint_every == 0 or due or done:
            save()
            last_save = time.monotonic()
        validate_if_due()
    logger.info(
        "%s %d/%d steps  %s", stage.name, state.step, settings.steps, _loss(state.rows)
    )
    if is_first():
        write_log(log, state.rows)
    return result.eval().requires_grad_(requires_grad=False)


def compute_reproducibly(device: torch.device) -> None:
    """Let a GPU add up in the same order every time; PyTorch raises where it cannot."""
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        # It would also fill new tensors, to make reading of unwritten ones show.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def write_log(path: Path, rows: list[dict[str, float]]) -> None:
    """Write the training log as a TSV, atomically."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with written_whole(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _ema_decay(stage: Stage) -> float:
    if getattr(stage.settings, "mean_teacher", True):
        return stage.settings.ema_decay
    return 1.0  # the teacher stays what burn-in made it


def _loss(rows: list[dict[str, float]]) -> str:
    """Return the last loss that was noted."""
    return f"loss {rows[-1]['loss']:.4f}" if rows else ""
