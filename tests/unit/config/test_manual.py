from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import Field

from picker.config import Config, Particle, Settings
from picker.config.demo import DEMO, PARTICLES, demo_manual, project_manual
from picker.config.manual import manual

ROOT = Path(__file__).parents[3]


def keys_of(section: dict[str, Any], prefix: str = "") -> list[str]:
    """Return the keys of a section and of those in it, joined with dots, in order."""
    keys = []
    for key, value in section.items():
        keys.append(prefix + key)
        if isinstance(value, dict):
            keys += keys_of(value, f"{prefix}{key}.")
    return keys


def test_config_yaml_is_what_make_config_writes() -> None:
    written = (ROOT / "config.yaml").read_text(encoding="utf-8")
    assert written == demo_manual(), "run `make config`"


def test_the_demo_is_the_defaults_but_for_what_it_names() -> None:
    demo = Config.model_validate(yaml.safe_load(demo_manual()))
    default = Config.model_validate({"particles": PARTICLES})
    assert demo.tomograms.source == "simulate"
    assert demo.model.preset == "small"
    assert demo.train.patch_zyx == (48, 64, 64)
    assert (demo.burn_in.steps, demo.co_train.steps) == (400, 150)
    other = {
        key: {
            inner: value
            for inner, value in getattr(demo, key)
            if value != getattr(getattr(default, key), inner)
        }
        for key in Config.model_fields
        if getattr(demo, key) != getattr(default, key)
    }
    assert other == DEMO


def test_a_new_project_begins_with_the_defaults() -> None:
    project = Config.model_validate(yaml.safe_load(project_manual()))
    assert project == Config.model_validate({"particles": PARTICLES})
    assert [(p.name, p.radius, p.weight) for p in project.particles] == [
        ("ribosome", 120, 1),
        ("proteasome", 90, 2),
        ("apo-ferritin", 65, 1),
    ]
    assert len({p.color for p in project.particles}) == 3


@pytest.mark.parametrize("text", [demo_manual(), project_manual()])
def test_all_settings_stand_in_the_order_of_the_sections(text: str) -> None:
    written = yaml.safe_load(text)
    known = Config.model_validate(written).model_dump(mode="json")
    assert keys_of(written) == keys_of(known)
    assert [list(p) for p in written["particles"]] == [list(Particle.model_fields)] * 3


@pytest.mark.parametrize("text", [demo_manual(), project_manual()])
def test_a_comment_stands_above_each_key(text: str) -> None:
    lines = text.splitlines()
    assert max(map(len, lines)) <= 88
    particles, end = lines.index("particles:"), lines.index("tomograms:")
    for number, line in enumerate(lines):
        in_list = particles < number < end
        if line.strip() and not line.lstrip().startswith("#") and not in_list:
            above = lines[number - 1]
            indent = len(line) - len(line.lstrip())
            assert above.startswith(" " * indent + "# "), f"line {number + 1}: {line}"


class Inner(Settings):
    """Further settings.

    Of the inner section.
    """

    rate: float = 1e-5
    """Learning rate, no unit. It may be as small as anybody wants, and even smaller."""


class Entry(Settings):
    name: str
    """Name of the entry."""
    width: float = 2.0
    """Width [Å]."""
    shade: str = Field(default_factory=lambda: "#000")
    """Shade; without one, each gets another."""


class Outer(Settings):
    version: str = "1.0"
    """Which:
    - 1.0: the first version, with a description that does not fit into a single line.
    - 2.0: another.

    Quoted."""
    inner: Inner = Inner()
    entries: tuple[Entry, ...] = (Entry(name="no"), Entry(name="Å"))
    """One entry each:"""


def test_what_is_written_of_a_setting_a_section_and_a_list() -> None:
    text = manual(Outer(), "A title.")  # type: ignore[arg-type]
    assert text.startswith("# A title.\n# Copy this file")
    assert text.split("\n\n", 1)[1] == (
        "# Which:\n"
        "# - 1.0: the first version, with a description that does not fit into a single"
        " line.\n"
        "# - 2.0: another.\n"
        "# Quoted.\n"
        "version: '1.0'\n"
        "\n"
        "# Further settings. Of the inner section.\n"
        "inner:\n"
        "  # Learning rate, no unit. It may be as small as anybody wants, and even"
        " smaller.\n"
        "  rate: 1.0e-05\n"
        "\n"
        "# One entry each:\n"
        "# - name: Name of the entry.\n"
        "# - width: Width [Å]. Default 2.0.\n"
        "# - shade: Shade; without one, each gets another.\n"
        "entries:\n"
        "  - name: 'no'\n"
        "    width: 2.0\n"
        "    shade: '#000'\n"
        "  - name: Å\n"
        "    width: 2.0\n"
        "    shade: '#000'\n"
    )
    assert Outer.model_validate(yaml.safe_load(text)) == Outer()
