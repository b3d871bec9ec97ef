from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from picker.__main__ import main
from picker.config import Particle, SimulateSettings
from picker.core.tomogram import Tomogram
from picker.formats.picks.star import read_picks
from picker.formats.volumes.mrc import write_volume
from picker.formats.volumes.read import read_tomogram
from picker.volumes.phantoms import simulate
from picker.volumes.phantoms.bodies import body, body_from_map
from picker.volumes.phantoms.simulate import simulate_tomogram

PARTICLES = (
    Particle(name="ribosome", radius=120),
    Particle(name="apo-ferritin", radius=65),
    Particle(name="proteasome", radius=90),
)
SMALL = SimulateSettings(shape_zyx=(40, 72, 88), particles_per_class=3)
RADII = {p.name: p.radius for p in PARTICLES}


def centre_of_mass(volume, centre, reach):
    first = np.maximum(np.floor(centre - reach), 0).astype(int)
    stop = np.minimum(np.ceil(centre + reach) + 1, volume.shape).astype(int)
    where = tuple(slice(a, b) for a, b in zip(first, stop, strict=True))
    grid = np.ogrid[where]
    far = np.sqrt(sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)))
    dark = np.where(far <= reach, -volume[where], 0)
    weight = np.maximum(dark - 0.15 * dark.max(), 0)
    return np.array([(weight * g).sum() for g in grid]) / weight.sum()


@pytest.mark.parametrize("place", range(9))
def test_picks_lie_at_the_centre_of_mass(place):
    particles = tuple(Particle(name=f"p{i}", radius=100) for i in range(place + 1))
    settings = SimulateSettings(
        shape_zyx=(52, 60, 68),
        particles_per_class=0.8,
        snr=(1e9, 1e9),
        missing_wedge=0,
        voxel_size=12.5,
    )
    num_seen = 0
    for index in range(60):
        try:
            tomogram, picks = simulate_tomogram("t", index, particles, settings)
        except ValueError:  # with so few particles some tomograms have none
            continue
        centres = picks.position_zyx / 12.5
        last = np.array(tomogram.shape_zyx) - 1
        for i in np.flatnonzero(picks.particle == f"p{place}"):
            distance = np.linalg.norm(centres - centres[i], axis=1)
            alone = (np.delete(distance, i) > 22).all()
            whole = (centres[i] > 10).all() and (last - centres[i] > 10).all()
            if not (alone and whole):
                continue
            found = centre_of_mass(tomogram.volume, centres[i], 9.5)
            assert np.linalg.norm(found - centres[i]) < 0.5
            num_seen += 1
        if num_seen >= 3:
            break
    assert num_seen >= 1


def test_particles_are_dark_with_noise_and_wedge():
    tomogram, picks = simulate_tomogram("t", 0, PARTICLES, SMALL)
    grid = np.ogrid[tuple(slice(0, n) for n in tomogram.shape_zyx)]
    near = np.zeros(tomogram.shape_zyx, bool)
    for position, name in zip(picks.position_zyx, picks.particle, strict=True):
        far = sum((10 * g - p) ** 2 for g, p in zip(grid, position, strict=True))
        near |= far < RADII[str(name)] ** 2
    assert tomogram.volume[near].mean() < tomogram.volume[~near].mean() - 0.3


def test_volume_is_normalised_and_named():
    tomogram, picks = simulate_tomogram("phantom-1", 1, PARTICLES, SMALL)
    assert tomogram.name == "phantom-1"
    assert tomogram.voxel_size == 10.0
    assert tomogram.shape_zyx == (40, 72, 88)
    assert tomogram.volume.dtype == np.float32
    assert abs(float(tomogram.volume.mean())) < 1e-4
    assert float(tomogram.volume.std()) == pytest.approx(1, abs=1e-4)
    assert (picks.score == 1).all()
    assert set(picks.particle) == set(RADII)


def test_same_seed_same_tomogram_whatever_came_before():
    first, first_picks = simulate_tomogram("t", 3, PARTICLES, SMALL)
    simulate_tomogram("t", 0, PARTICLES, SMALL)
    np.random.default_rng().random()
    again, again_picks = simulate_tomogram("other", 3, PARTICLES, SMALL)
    assert first.volume.tobytes() == again.volume.tobytes()
    assert first_picks.position_zyx.tobytes() == again_picks.position_zyx.tobytes()


@pytest.mark.parametrize(("seed", "index"), [(1, 4), (2, 3), (-1, 3)])
def test_other_seed_or_index_other_tomogram(seed, index):
    one, _ = simulate_tomogram("t", 3, PARTICLES, SMALL)
    other = simulate_tomogram(
        "t", index, PARTICLES, SMALL.model_copy(update={"seed": seed})
    )[0]
    # From voxel to voxel, as the ice of two tomograms may happen to slope alike.
    changes = [np.diff(volume, axis=2) for volume in (one.volume, other.volume)]
    assert abs(float(np.corrcoef(*map(np.ravel, changes))[0, 1])) < 0.1


@pytest.mark.parametrize("index", range(4))
def test_picks_lie_inside_and_do_not_overlap(index):
    settings = SMALL.model_copy(update={"particles_per_class": 8.0})
    tomogram, picks = simulate_tomogram("t", index, PARTICLES, settings)
    centres = picks.position_zyx / tomogram.voxel_size
    assert (centres >= 0).all()
    assert (centres <= np.array(tomogram.shape_zyx) - 1).all()
    radii = np.array([RADII[str(name)] for name in picks.particle])
    distance = np.linalg.norm(
        picks.position_zyx[:, None] - picks.position_zyx[None], axis=2
    )
    np.fill_diagonal(distance, np.inf)
    assert (distance >= 0.9 * (radii[:, None] + radii) - 1e-6).all()


def test_counts_are_about_as_asked():
    settings = SimulateSettings(shape_zyx=(32, 128, 120), particles_per_class=6)
    particles = (Particle(name="a", radius=50), Particle(name="b", radius=60))
    counts = [
        np.sum(simulate_tomogram("t", i, particles, settings)[1].particle == name)
        for i in range(12)
        for name in "ab"
    ]
    assert 4.5 < np.mean(counts) < 7.5
    assert min(counts) >= 1
    assert len(set(counts)) > 2


def test_snr_sets_how_much_noise_there_is():
    # Same random numbers in all three, so only the amount of noise differs.
    volumes = {
        snr: simulate_tomogram(
            "t", 0, PARTICLES, SMALL.model_copy(update={"snr": (snr, snr)})
        )[0].volume
        for snr in (1e9, 4.0, 0.25)
    }
    alike = [
        float(np.corrcoef(volumes[1e9].ravel(), volumes[snr].ravel())[0, 1])
        for snr in (4.0, 0.25)
    ]
    assert alike[0] > alike[1] + 0.2


def test_particles_are_smoothed_as_noise_is():
    # Else whitening would find what no noise covers.
    def detail(snr):
        settings = SMALL.model_copy(update={"snr": (snr, snr)})
        volume = simulate_tomogram("t", 0, PARTICLES, settings)[0].volume
        power = np.abs(np.fft.fftn(volume)) ** 2
        grids = np.meshgrid(*map(np.fft.fftfreq, power.shape), indexing="ij")
        frequency = np.sqrt(sum(k**2 for k in grids))
        off = np.min(np.abs(grids), axis=0) > 0.1  # the step between faces lies on axes
        return power[off & (frequency > 0.4)].mean() / power[frequency < 0.4].mean()

    assert detail(1e9) < 1e-9
    assert detail(0.25) < 1e-9


@pytest.mark.parametrize(("axis", "is_missing"), [((1, 0), True), ((0, 1), False)])
def test_missing_wedge_is_about_y(axis, is_missing):
    settings = SMALL.model_copy(update={"missing_wedge": 40.0})
    tomogram, _ = simulate_tomogram("t", 0, PARTICLES, settings)
    power = np.abs(np.fft.fftn(tomogram.volume)) ** 2
    kz, ky, kx = np.meshgrid(*map(np.fft.fftfreq, power.shape), indexing="ij")
    along, across = (np.abs(kz), np.abs(kx)) if axis == (1, 0) else (abs(ky), abs(kx))
    size = np.sqrt(kz**2 + ky**2 + kx**2)
    # Uneven ice lies on the axes alone, outside of the wedge's reach.
    band = (size > 0.08) & (size < 0.2) & (across > 0)
    inside = band & (along > 3 * across) & (np.abs(ky if is_missing else kz) < 0.05)
    ratio = power[inside].mean() / power[band].mean()
    assert (ratio < 0.05) == is_missing


def test_classes_have_shapes_of_their_own():
    axis = np.linspace(-1.5, 1.5, 25, dtype=np.float32)
    grid = np.meshgrid(axis, axis, axis, indexing="ij")
    far = np.sqrt(sum(g**2 for g in grid))
    profiles = []
    for place in range(9):
        what = body(place)
        moved = [
            (g * what.reach + c).astype(np.float32)
            for g, c in zip(grid, what.centre, strict=True)
        ]
        density = what.density(*moved)
        assert density.shape == far.shape
        assert density.min() >= 0
        assert 0.6 < density.max() < 1.3
        assert density[far > 1.45].max() < 0.05
        weight = density / density.sum()
        mass = [weight[(far >= r) & (far < r + 0.3)].sum() for r in (0, 0.3, 0.6, 0.9)]
        flat = np.stack([g.ravel() for g in grid])
        axes = np.linalg.eigvalsh((flat * weight.ravel()) @ flat.T)
        profiles.append([*mass, *axes])
    apart = np.abs(np.array(profiles)[:, None] - np.array(profiles)[None]).max(axis=2)
    apart[np.diag_indices(9)] = 1
    assert apart[:6, :6].min() > 0.03
    assert apart.min() > 0.02


def test_too_many_particles_are_reported(caplog):
    settings = SMALL.model_copy(update={"particles_per_class": 60.0})
    with caplog.at_level(logging.WARNING):
        _, picks = simulate_tomogram("t", 0, PARTICLES, settings)
    assert len(picks) < 180
    assert "particles of ribosome; lower simulate.particles_per_class" in caplog.text


def test_error_when_a_particle_is_smaller_than_a_voxel():
    with pytest.raises(
        ValueError, match=r"radius of dust is 5\.0 Å, expected at least"
    ):
        simulate_tomogram("t", 0, (Particle(name="dust", radius=5),), SMALL)


def test_error_when_nothing_was_placed():
    settings = SMALL.model_copy(update={"particles_per_class": 1e-9})
    with pytest.raises(ValueError, match="no particle was placed in t: "):
        simulate_tomogram("t", 0, PARTICLES, settings)


def test_thin_volumes_work():
    settings = SMALL.model_copy(update={"shape_zyx": (7, 45, 51)})
    tomogram, picks = simulate_tomogram("t", 0, PARTICLES, settings)
    assert tomogram.shape_zyx == (7, 45, 51)
    assert (picks.position_zyx[:, 0] <= 60).all()


def density_map():
    """Return a map of three blobs of different sizes, of no symmetry, 5 Å voxels."""
    grid = np.ogrid[:40, :44, :48]
    blobs = [((20, 22, 24), 5.0), ((20, 22, 34), 4.0), ((28, 28, 20), 3.5)]
    total = sum(
        np.exp(-sum((g - c) ** 2 for g, c in zip(grid, at, strict=True)) / s**2)
        for at, s in blobs
    )
    solid = -np.expm1(-3 * total).astype(np.float32)
    return Tomogram(name="p0", volume=solid, voxel_size=5.0)


def test_a_density_map_keeps_size_axes_and_hand():
    density = density_map()
    what = body_from_map(density, 90.0, 10.0)
    middle = (np.array(density.shape_zyx) - 1) / 2
    for index in ((20, 22, 34), (28, 28, 20)):
        at = [np.float32(v).reshape(1, 1, 1) for v in (index - middle) * 5.0]
        assert what.density(*at).item() > 0.4
        mirrored = [at[0], at[1], -at[2]]
        assert what.density(*mirrored).item() < what.density(*at).item() - 0.3
    assert what.reach == 90.0
    assert 1.5 > what.extent > 0.8


def test_particles_of_a_density_map_lie_at_their_centre_of_mass():
    particles = (Particle(name="p0", radius=90),)
    settings = SimulateSettings(
        shape_zyx=(52, 60, 68), particles_per_class=1.5, snr=(1e9, 1e9), missing_wedge=0
    )
    num_seen = 0
    for index in range(20):
        tomogram, picks = simulate_tomogram(
            "t", index, particles, settings, {"p0": density_map()}
        )
        centres = picks.position_zyx / 10.0
        last = np.array(tomogram.shape_zyx) - 1
        for i, centre in enumerate(centres):
            alone = (
                np.linalg.norm(np.delete(centres, i, 0) - centre, axis=1) > 20
            ).all()
            if alone and (centre > 10).all() and (last - centre > 10).all():
                found = centre_of_mass(tomogram.volume, centre, 9.5)
                assert np.linalg.norm(found - centre) < 0.5
                num_seen += 1
    assert num_seen >= 3


def test_an_empty_density_map_is_refused():
    empty = Tomogram(
        name="p0", volume=np.full((20, 20, 20), -1, np.float32), voxel_size=5.0
    )
    with pytest.raises(ValueError, match="p0 has no value above 0; expected a map"):
        body_from_map(empty, 90.0, 10.0)


def test_the_verb_reads_density_maps(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    density = density_map()
    write_volume(tmp_path / "p0.mrc", density.volume, density.voxel_size)
    words = "--name t --index 0 --output t.mrc --truth t.star --settings"
    settings = ["particles.json", "simulate.json"]
    (tmp_path / "simulate.json").write_text(SMALL.model_dump_json())

    def simulated(path):
        particle = {"name": "p0", "radius": 90, "density": path}
        (tmp_path / "particles.json").write_text(json.dumps([particle]))
        code = main(["simulate", *words.split(), *settings])
        return code, (tmp_path / "t.mrc").read_bytes()

    code, with_map = simulated("p0.mrc")
    assert code == 0
    truth = read_picks(tmp_path / "t.star")
    expected, picks = simulate_tomogram(
        "t", 0, (Particle(name="p0", radius=90),), SMALL, {"p0": density}
    )
    np.testing.assert_allclose(truth.position_zyx, picks.position_zyx, atol=1e-3)
    read, _ = read_tomogram(tmp_path / "t.mrc", "t")
    np.testing.assert_allclose(read.volume, expected.volume, atol=1e-5)
    assert simulated(None)[1] != with_map
    (tmp_path / "p0.mrc").write_bytes(b"not an MRC file")
    assert simulated("p0.mrc")[0] == 1
    assert "error: p0.mrc is not an MRC file" in capsys.readouterr().err


def test_clustering_brings_particles_of_a_class_together():
    def nearest(clustering):
        """Return the mean distance [radii] to the nearest of the same class."""
        settings = SimulateSettings(
            shape_zyx=(48, 128, 128), particles_per_class=10, clustering=clustering
        )
        found = []
        for index in range(3):
            _, picks = simulate_tomogram("t", index, PARTICLES, settings)
            for name, radius in RADII.items():
                place = picks.of(name).position_zyx
                gap = np.linalg.norm(place[:, None] - place, axis=2)
                np.fill_diagonal(gap, np.inf)
                assert gap.min() >= 1.8 * radius - 1e-6  # still apart
                found.append(gap.min(axis=1).mean() / radius)
        return np.mean(found)

    assert nearest(0.9) < 0.8 * nearest(0.0)


def test_membranes_are_dark_shells_that_particles_keep_off():
    few = {"shape_zyx": (48, 160, 160), "particles_per_class": 20, "snr": (1e9, 1e9)}
    settings = SimulateSettings(**few, membranes=3, missing_wedge=0, seed=6)
    bare = settings.model_copy(update={"membranes": 0.0})
    shells = []

    class Spy(simulate._Layout):  # noqa: SLF001
        def keep_off_shell(self, centre, radius, half):
            shells.append((centre * 10.0, radius * 10.0))
            super().keep_off_shell(centre, radius, half)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "_Layout", Spy)
        tomogram, picks = simulate_tomogram("t", 0, PARTICLES, settings)
        assert len(shells) > 1
        for i, (centre, radius) in enumerate(shells):
            for other, size in shells[:i]:
                assert np.linalg.norm(centre - other) >= radius + size + 60 - 1e-6
        number = len(shells)
        simulate_tomogram("t", 0, PARTICLES, bare)
        assert len(shells) == number
    grid = np.moveaxis(np.indices(tomogram.shape_zyx), 0, -1) * 10.0
    for centre, radius in shells:
        off = np.linalg.norm(grid - centre, axis=-1) - radius
        # Darker by far than what lies about it.
        assert tomogram.volume[np.abs(off) < 15].mean() < (
            tomogram.volume[(np.abs(off) > 60) & (np.abs(off) < 90)].mean() - 0.5
        )
        for name, size in RADII.items():
            away = np.linalg.norm(picks.of(name).position_zyx - centre, axis=1)
            assert (np.abs(away - radius) >= 0.9 * size).all()


def test_without_clusters_and_membranes_phantoms_are_what_they_were():
    tomogram, picks = simulate_tomogram("t", 0, PARTICLES, SMALL)
    assert len(picks) == 12
    assert tomogram.volume[20, 30, 40] == pytest.approx(0.36538, abs=1e-4)
