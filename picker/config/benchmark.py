"""Settings of a comparison of methods, and of one method with several settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError, field_validator

from picker.config.base import Count, Settings
from picker.config.methods import METHODS, MethodName
from picker.config.problems import explained

if TYPE_CHECKING:
    from picker.config import Config
    from picker.config.methods import Row

Changes = dict[str, dict[str, Any]]
"""Section: some of its settings."""

VARIANT = re.compile(r"([a-z_]+)-[a-z0-9_]+")
"""Name of a variant: its method, a dash, what tells it from others."""
SHARED = ("pretrain", "partial")
"""Sections of stages that all cells have in common."""


class BenchmarkSettings(Settings):
    """A comparison of methods with `snakemake benchmark`; see docs/benchmark.md.

    Every method is trained with each number of labels and each seed. Nothing else reads
    this section.
    """

    methods: Annotated[tuple[MethodName, ...], Field(min_length=1)] = (
        "supervised",
        "semietpicker",
    )
    """The methods; `method` at the top explains the names."""
    labeled: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2)
    """Numbers of labeled tomograms to train on, the first ones of the table."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (
        0,
        1,
    )
    """Seeds of training, in place of train.seed; tables show the mean and the standard
    deviation over them."""
    unlabeled: Count | None = None
    """Number of unlabeled tomograms to train on, the first ones of the table; null:
    all."""
    repeats: Count = 3
    """How often a tomogram is predicted to measure the time it takes."""
    variants: dict[str, Changes] = Field(default_factory=dict)
    """Methods with other settings, compared as further methods: names of the form
    method-name with what they change by section; for instance
    {deepfindet-dropout: {model: {dropout: 0.3}}}. A variant of vote may change vote,
    pick and tune; its members are those of vote. One that changes tune is tuned."""

    @field_validator("variants")
    @classmethod
    def _are_of_methods(cls, variants: dict[str, Changes]) -> dict[str, Changes]:
        for name, changes in variants.items():
            found = VARIANT.fullmatch(name)
            if not found or found[1] not in METHODS:
                raise ValueError(
                    f"{name} is no name of a variant; expected a method, a dash, and"
                    " small letters, digits or _, as deepfindet-dropout; rename it"
                )
            allowed = _may_change(METHODS[found[1]])
            if other := [section for section in changes if section not in allowed]:
                raise ValueError(
                    f"{name} changes {', '.join(other)}, which {found[1]} does not read"
                    " or all cells share; expected some of"
                    f" {', '.join(allowed)}, leave the others out"
                )
            if "seed" in changes.get("train", {}):
                raise ValueError(
                    f"{name} changes train.seed, which benchmark.seeds has; leave it"
                    " out"
                )
        return variants


def _may_change(row: Row) -> tuple[str, ...]:
    """Return the sections that a variant of a method may change.

    They are those that it reads, but for what all cells share. Members of a vote stay
    what they are.
    """
    if row.votes:
        return ("vote", "pick", "tune")
    trained = [section for stage in row.stages for section in stage.sections]
    first = ["train", row.architecture] if row.stages else []
    linking = ["link"] if row.links else []
    read = dict.fromkeys(
        [*first, *trained, "predict", *row.sections, *linking, "pick", "tune"]
    )
    return tuple(section for section in read if section not in SHARED)


def variants_of(config: Config) -> dict[str, Config]:
    """Return the settings of each of the benchmark's variants, checked as ever.

    Raises
    ------
    ValueError
        If a variant's settings are wrong, by themselves or with the others.
    """
    found = {}
    for name, changes in config.benchmark.variants.items():
        values = config.model_dump(mode="json")
        for section, changed in changes.items():
            values[section] = _merged(values[section], changed)
        values["method"] = name.partition("-")[0]
        values["benchmark"]["variants"] = {}
        try:
            found[name] = type(config).model_validate(values)
        except ValidationError as error:
            problems = "; ".join(line.strip() for line in explained(error).splitlines())
            raise ValueError(f"variant {name}: {problems}") from error
    return found


def _merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return settings with some of them changed, as --configfile merges them."""
    merged = dict(values)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged
