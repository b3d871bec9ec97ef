"""Halves are read, checked to be their tomogram's, and stored as noise."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from picker.config import Particle, PreprocessSettings, TomogramRow
from picker.formats.volumes.mrc import write_volume
from picker.formats.volumes.ome_zarr import read_volume
from picker.formats.volumes.ome_zarr import write_volume as write_zarr
from picker.jobs.preprocess import preprocess_tomogram
from picker.jobs.training_data import patch_source
from picker.volumes.normalise import preprocess_volume
from picker.volumes.spectrum import filtered, whitened

PARTICLES = (Particle(name="ribosome", radius=30),)
SHAPE = (24, 40, 48)
PLAIN = PreprocessSettings(clip="none")


class Project:
    """A tomogram and its halves: the same image, and noise of their own."""

    def __init__(self, folder):
        self.folder = folder
        rng = np.random.default_rng(0)
        image = 50 + 2 * rng.normal(size=SHAPE)
        even, odd = (image + 1.5 * rng.normal(size=SHAPE) for _ in "eo")
        self.write(path=(even + odd) / 2, even=even, odd=odd)

    def write(self, voxel_size=10.0, **volumes):
        for name, volume in volumes.items():
            file = self.folder / f"{name}.mrc"
            write_volume(file, volume.astype(np.float32), voxel_size)
            setattr(self, name, volume.astype(np.float32))

    def preprocess(self, settings=PLAIN, **more):
        files = {name: self.folder / f"{name}.mrc" for name in ("path", "even", "odd")}
        row = TomogramRow(tomogram="a", split="unlabeled", **{**files, **more})
        return preprocess_tomogram(
            row,
            PARTICLES,
            settings,
            volume=self.folder / "volumes" / "a.zarr",
            labels=None,
            mask=self.folder / "masks" / "a.zarr",
            noise=self.folder / "noise" / "a.zarr",
        )


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def stored(path):
    volume, voxel_size, _ = read_volume(path)
    return volume.astype(np.float32), voxel_size


def test_volume_plus_and_minus_noise_are_the_normalised_halves(project):
    entry = project.preprocess()
    volume, _ = stored(entry.volume)
    noise, voxel_size = stored(entry.noise)
    assert voxel_size == entry.voxel_size
    scale = project.path.std()
    for sign, raw in ((1, project.even), (-1, project.odd)):
        expected = (raw - raw.mean()) / scale
        np.testing.assert_allclose(volume + sign * noise, expected, atol=4e-3)
    assert entry.noise_spread == pytest.approx(noise.std(), rel=1e-3)
    assert entry.noise_spread == pytest.approx(1.5 / 2**0.5 / scale, rel=0.02)
    assert entry.warnings == ()


def test_noise_is_not_clipped(project):
    project.even[3, 4, 5] += 500
    project.write(even=project.even, path=(project.even + project.odd) / 2)
    entry = project.preprocess(PreprocessSettings())
    assert stored(entry.volume)[0].max() < 5
    assert stored(entry.noise)[0].max() > 50


def test_light_particles_and_rescaling_hold_for_noise_too(project):
    dark, _ = stored(project.preprocess().noise)
    light = project.preprocess(PreprocessSettings(clip="none", particles_are="light"))
    np.testing.assert_allclose(stored(light.noise)[0], -dark, atol=1e-6)
    settings = PreprocessSettings(clip="none", target_voxel_size=15)
    large = project.preprocess(settings)
    volume, _ = stored(large.volume)
    noise, voxel_size = stored(large.noise)
    assert voxel_size == 15
    for sign, raw in ((1, project.even), (-1, project.odd)):
        expected, _, _ = preprocess_volume(raw, 10.0, settings)
        found = volume + sign * noise
        np.testing.assert_allclose(found / found.std(), expected, atol=1e-2)


def test_noise_is_whitened_by_the_tomograms_filter(project):
    entry = project.preprocess(PreprocessSettings(clip="none", whiten=True))
    noise, _ = stored(entry.noise)
    _, filter_ = whitened(project.path - project.path.mean(), project.path.shape)
    expected = filtered((project.even - project.odd) / 2, project.path.shape, filter_)
    ratio = noise.std() / expected.std()
    np.testing.assert_allclose(noise, ratio * expected, atol=5e-3)
    both = stored(entry.volume)[0], noise
    whole = filtered(project.path, project.path.shape, filter_).std()
    assert both[0].std() / both[1].std() == pytest.approx(whole / expected.std(), 1e-3)


@pytest.mark.parametrize("factor", [2, 1e-20, 1e-38])
def test_a_tomogram_may_have_another_scale_than_its_halves(project, factor):
    spread = project.preprocess().noise_spread
    project.write(path=factor * project.path.astype(float) + factor)
    entry = project.preprocess()
    assert entry.noise_spread == pytest.approx(spread, rel=1e-3)
    assert entry.warnings == ()


def test_the_mask_says_what_counts(project):
    mask = np.zeros(SHAPE, np.float32)
    mask[8:16] = 1
    quiet = np.where(mask > 0, project.even, project.path)
    other = np.where(mask > 0, project.odd, project.path)
    project.write(mask=mask, even=quiet, odd=other)
    inside = project.preprocess(mask=project.folder / "mask.mrc")
    noise = stored(inside.noise)[0][8:16]
    assert inside.noise_spread == pytest.approx(noise.std(), rel=1e-3)
    assert inside.noise_spread > 1.5 * project.preprocess().noise_spread


def test_a_tomogram_without_halves_has_no_noise(project):
    entry = project.preprocess(even=None, odd=None)
    assert (entry.noise, entry.noise_spread) == (None, None)
    assert not (project.folder / "noise").exists()


def test_training_cuts_the_noise_beside_the_volume(project):
    entry = project.preprocess()
    source = patch_source(entry, PARTICLES)
    assert source.noise.spread == entry.noise_spread
    np.testing.assert_array_equal(source.noise.volume[:], read_volume(entry.noise)[0])
    assert patch_source(replace(entry, noise=None), PARTICLES).noise is None


def test_noise_that_was_made_again_since_is_refused(project):
    entry = project.preprocess()
    attributes = {"fingerprint": "other"}
    write_zarr(entry.noise, np.zeros(SHAPE, np.float16), 10.0, attributes)
    with pytest.raises(ValueError, match=r"noise/a\.zarr is not the volume that its"):
        patch_source(entry, PARTICLES)


def test_halves_of_another_grid_are_refused(project):
    project.write(odd=project.odd[:-1])
    with pytest.raises(ValueError, match=r"half .*odd\.mrc has shape \(23, 40, 48\)"):
        project.preprocess()


def test_halves_of_other_voxels_are_refused_unless_the_table_says_their_size(project):
    project.write(voxel_size=9.9, even=project.even)
    with pytest.raises(ValueError, match=r"half .*even\.mrc has voxels of 9\.9 Å; exp"):
        project.preprocess()
    assert project.preprocess(voxel_size=10.0).noise


@pytest.mark.parametrize("offset", [0, 3])
def test_halves_without_noise_are_refused(project, offset):
    project.write(even=project.odd + offset)
    with pytest.raises(ValueError, match=r"odd\.mrc: the halves do not differ, their"):
        project.preprocess()


def test_halves_of_another_tomogram_are_refused(project):
    project.write(even=project.even[::-1, ::-1], odd=project.odd[::-1, ::-1])
    with pytest.raises(ValueError, match=r"halves correlate by .*; expected at least"):
        project.preprocess(PreprocessSettings(clip="none"), mask=None)


def test_inverted_halves_are_refused(project):
    project.write(even=-project.even, odd=-project.odd)
    with pytest.raises(ValueError, match=r"-1\.00; .* contrast is inverted; fix the"):
        project.preprocess()


def test_a_tomogram_that_was_denoised_is_told(project):
    blurred = (project.path + np.roll(project.path, 1, 2)) / 2
    project.write(path=blurred)
    (warning,) = project.preprocess().warnings
    assert re.search(r"correlate by 0\.7\d at a scale of 0\.(5|49)", warning)
    assert "expected a correlation of 0.95 or more. The tomogram was filt" in warning


def test_noise_that_is_gone_or_of_other_files_is_made_again(project):
    entry = project.preprocess()
    time = (entry.noise / "zarr.json").stat().st_mtime_ns
    assert project.preprocess() == entry
    assert (entry.noise / "zarr.json").stat().st_mtime_ns == time
    next(f for f in entry.noise.rglob("c/**/*") if f.is_file()).unlink()
    assert project.preprocess() == entry
    assert (entry.noise / "zarr.json").stat().st_mtime_ns != time
    even, odd = (project.folder / f"{name}.mrc" for name in ("even", "odd"))
    before, _ = stored(entry.noise)
    swapped = project.preprocess(even=odd, odd=even)
    assert swapped.fingerprint != entry.fingerprint
    np.testing.assert_allclose(stored(swapped.noise)[0], -before, atol=1e-5)
    assert set(swapped.stamps) == {
        str(project.folder / "path.mrc"),
        *map(str, (even, odd)),
    }
