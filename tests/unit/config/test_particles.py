from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from picker.config import (
    Config,
    Particle,
)

RIBOSOME = {"name": "ribosome", "radius": 120}


def config_of(**sections: Any) -> Config:
    return Config.model_validate({"particles": [RIBOSOME], **sections})


def test_no_particle_has_a_name_twice() -> None:
    with pytest.raises(ValidationError, match="a name twice: ribosome, ribosome"):
        Config.model_validate({"particles": [RIBOSOME, RIBOSOME]})


@pytest.mark.parametrize("radius", [1e-300, 0.01, 1e6, 1e300])
def test_a_radius_that_no_particle_has_is_refused(radius: float) -> None:
    with pytest.raises(ValidationError, match=r"radius\n.*(100000|0\.1)"):
        Particle(name="a", radius=radius)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "a", "called": "x"}, {"name": "b", "called": "x"}),
        ({"name": "a", "called": "b"}, {"name": "b"}),
        ({"name": "a"}, {"name": "b", "called": "a"}),
    ],
)
def test_no_two_particles_are_called_the_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    particles = [{**one, "radius": 1}, {**other, "radius": 1}]
    with pytest.raises(ValidationError, match=r"a and b are both \w in the files of"):
        Config.model_validate({"particles": particles})


def test_there_is_a_particle() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        Config.model_validate({"particles": []})


@pytest.mark.parametrize("name", ["mean", "all"])
def test_a_particle_has_no_name_that_results_use(name: str) -> None:
    with pytest.raises(ValidationError, match=f"no particle can be called {name}"):
        Config.model_validate({"particles": [{"name": name, "radius": 50}]})


def test_particles_without_a_color_get_each_its_own() -> None:
    particles = [{"name": f"p{i}", "radius": 50} for i in range(6)]
    particles[1]["color"] = "#000000"
    colors = [
        p.color for p in Config.model_validate({"particles": particles}).particles
    ]
    assert colors[1] == "#000000"
    assert len(set(colors)) == 6
    many = [{"name": f"p{i}", "radius": 50} for i in range(30)]
    assert len(Config.model_validate({"particles": many}).particles) == 30


def test_thresholds_name_known_particles() -> None:
    with pytest.raises(
        ValidationError,
        match=r"pick\.thresholds names tric; expected some of ribosome",
    ):
        config_of(pick={"thresholds": {"tric": 0.5}})
    assert config_of(pick={"thresholds": {"ribosome": 0.5}}).pick.thresholds == {
        "ribosome": 0.5
    }
