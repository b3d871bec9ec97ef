"""A volume that is not stored is made again of its file, the same to the last digit."""

from __future__ import annotations

import os
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
import zarr
from scipy import ndimage

from picker.config import (
    CalibrateSettings,
    EvaluateSettings,
    LabelNextSettings,
    ModelSettings,
    Particle,
    PickSettings,
    PredictSettings,
    PreprocessSettings,
    TomogramRow,
)
from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.formats.volumes.mrc import write_volume
from picker.formats.volumes.ome_zarr import write_volume as write_zarr
from picker.jobs.label_next import write_regions
from picker.jobs.loaded import read_loaded
from picker.jobs.model_card import ModelCard, write_model
from picker.jobs.predict_shard import predict_shard
from picker.jobs.preprocess import preprocess_tomogram
from picker.jobs.recipe import is_recipe
from picker.jobs.report import ReportFiles, write_report
from picker.jobs.stored import (
    stored_fingerprint,
    stored_half,
    stored_noise,
    stored_volume,
    whole_volume,
)
from picker.networks import build_model
from picker.project.manifests import read_manifest, read_preprocessed, write_manifest
from picker.project.records import Picked
from tests.unit.formats.volumes.test_em import write_em
from tests.unit.formats.volumes.test_hdf5 import write_eman2
from tests.unit.volumes import slabs

PARTICLES = (Particle(name="ribosome", radius=60),)
SHAPE = (24, 40, 48)
PLAIN = PreprocessSettings()


class Project:
    """A tomogram with gold and its halves: one image, and noise of their own."""

    def __init__(self, folder):
        self.folder = folder
        rng = np.random.default_rng(0)
        image = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1) * 20 + 50
        image[8:12, 9:13, 10:14] -= 60  # gold
        even, odd = (image + 1.5 * rng.normal(size=SHAPE) for _ in "eo")
        self.volume = ((even + odd) / 2).astype(np.float32)
        write_volume(folder / "path.mrc", self.volume, 10.0)
        write_volume(folder / "even.mrc", even.astype(np.float32), 10.0)
        write_volume(folder / "odd.mrc", odd.astype(np.float32), 10.0)
        mask = np.zeros(SHAPE, np.float32)
        mask[4:20] = 1
        write_volume(folder / "mask.mrc", mask, 10.0)
        picks = picks_from_arrays([[120, 200, 280]], ["ribosome"])
        write_picks(folder / "picks.star", picks)
        self.row = TomogramRow(tomogram="a", path=folder / "path.mrc", split="test")

    def preprocess(self, settings=PLAIN, *, keep="trained", under="results", **more):
        """Return the record of the tomogram in a folder of results."""
        results = self.folder / under
        row = TomogramRow.model_validate(self.row.model_dump() | more)
        return preprocess_tomogram(
            row,
            PARTICLES,
            settings.model_copy(update={"keep": keep}),
            volume=results / "tomograms" / f"{row.tomogram}.zarr",
            labels=results / "labels" / f"{row.tomogram}.star" if row.picks else None,
            mask=results / "masks" / f"{row.tomogram}.zarr",
            noise=results / "noise" / f"{row.tomogram}.zarr",
        )

    def halves(self):
        return {"even": self.folder / "even.mrc", "odd": self.folder / "odd.mrc"}

    def both(self, settings=PLAIN, **more):
        """Return the records of a stored volume and of one that is made again."""
        kept = self.preprocess(settings, keep="all", under="all", **more)
        made = self.preprocess(settings, **more)
        assert not is_recipe(kept.volume)
        assert is_recipe(made.volume)
        assert not (self.folder / "results" / "tomograms" / "a.zarr").exists()
        return kept, made


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def assert_same(kept, made):
    """Check that all of two tomograms' voxels, and what is known of them, agree."""
    volume = whole_volume(kept)
    assert whole_volume(made).dtype == volume.dtype == np.float16
    np.testing.assert_array_equal(whole_volume(made), volume)
    lazy = stored_volume(made)
    assert lazy.shape == volume.shape == made.shape_zyx
    for part in (slice(2, 5), (slice(None), slice(3, 7)), (slice(1, 3),) * 3):
        np.testing.assert_array_equal(lazy[part], volume[part])
    if kept.noise:
        noise = stored_noise(made)
        assert noise.dtype == np.float16
        np.testing.assert_array_equal(noise, stored_noise(kept)[:])
        for half in ("even", "odd"):
            one, other = (stored_half(e, half, volume) for e in (kept, made))
            np.testing.assert_array_equal(one, other)
    assert stored_fingerprint(made) == stored_fingerprint(kept)
    where = {"volume": kept.volume, "noise": kept.noise}
    where |= {"mask": kept.mask, "labels": kept.labels}
    assert (made.mask is None) == (kept.mask is None)
    assert replace(made, **where) == kept


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"clip": "percentile"},
        {"clip": "none", "particles_are": "light"},
        {"whiten": True},
        {"target_voxel_size": 15},
        {"target_voxel_size": 13, "whiten": True, "clip": "percentile"},
        {"avoid_gold": 20, "gold_diameter": 30},
    ],
)
@pytest.mark.parametrize("has_mask", [False, True])
def test_the_volume_is_the_stored_one_whatever_is_done_to_it(
    project, settings, has_mask
):
    more = {"picks": (project.folder / "picks.star",), **project.halves()}
    if has_mask:
        more["mask"] = project.folder / "mask.mrc"
    kept, made = project.both(PreprocessSettings(**settings), **more)
    assert_same(kept, made)
    assert bool(kept.mask) == (has_mask or "avoid_gold" in settings)


@pytest.mark.parametrize("factor", [1e-20, 1e20])
@pytest.mark.parametrize("whiten", [False, True])
def test_numbers_whose_squares_float32_does_not_hold_are_no_others(
    project, factor, whiten
):
    path = project.folder / "path.zarr"
    write_zarr(path, np.float32(factor) * project.volume, 10.0, {})
    more = project.halves() | {"path": path}
    assert_same(*project.both(PreprocessSettings(whiten=whiten), **more))


def test_a_slab_that_was_found_is_not_looked_for_again(project, monkeypatch):
    faces = slabs.tilted(370, 6), slabs.tilted(830, 6)
    write_volume(project.folder / "path.mrc", slabs.lamella(*faces), 10.0)
    kept, made = project.both()
    assert made.slab
    monkeypatch.setattr("picker.volumes.normalise.mean_and_spread", None)
    monkeypatch.setattr("picker.jobs.slab.find_slab", None)
    assert_same(kept, made)


def whole_numbers(project):
    return np.round(project.volume).astype(np.int16)


def as_mrc(project, path):
    write_volume(path, whole_numbers(project).astype(np.int8), 10.0)


def as_half_mrc(project, path):
    write_volume(path, project.volume.astype(np.float16), 10.0)


def as_big_endian_em(project, path):
    write_em(path, whole_numbers(project), machine=0, kind=2)


def as_double_em(project, path):
    write_em(path, project.volume.astype(np.float64), kind=9)


def as_ome_zarr(project, path):
    write_zarr(path, project.volume, 10.0, {})


def as_sparse_zarr(project, path):
    """A plain array of which a chunk is missing."""
    array = zarr.create_array(
        path, shape=SHAPE, chunks=(8, 20, 24), dtype="int32", fill_value=50
    )
    array[:] = whole_numbers(project)
    (path / "c" / "2" / "1" / "1").unlink()


def as_eman2(project, path):
    write_eman2(path, project.volume, apix=10.0)


def as_plain_hdf5(project, path):
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=project.volume.astype(np.float64))


@pytest.mark.parametrize(
    "write",
    [
        *(as_mrc, as_half_mrc, as_big_endian_em, as_double_em, as_ome_zarr),
        *(as_sparse_zarr, as_eman2, as_plain_hdf5),
    ],
)
def test_files_of_each_kind_are_read_as_they_were(project, write):
    path = project.folder / write.__name__
    write(project, path)
    more = {"path": path, "voxel_size": 10.0, "missing_chunks": "fill"}
    assert_same(*project.both(**more))


def test_what_a_header_calls_a_stack_is_read_again_as_a_volume(project):
    path = project.folder / "a.st"
    (project.folder / "path.mrc").rename(path)
    assert_same(*project.both(path=path, stacks_are_volumes=True))


@pytest.mark.parametrize("split", ["labeled", "partial", "unlabeled", "validation"])
def test_copies_of_those_that_train_are_kept(project, split):
    entry = project.preprocess(split=split, picks=(project.folder / "picks.star",))
    assert not is_recipe(entry.volume)


def names(project):
    return sorted(p.name for p in (project.folder / "results" / "tomograms").iterdir())


def test_nothing_is_measured_again_while_the_file_is_the_same(project, monkeypatch):
    first = project.preprocess(**project.halves())
    monkeypatch.setattr("picker.jobs.preprocess.prepared_volume", None)
    assert project.preprocess(**project.halves()) == first
    assert project.preprocess(**project.halves(), split="predict").split == "predict"


def test_a_damaged_recipe_is_written_again(project):
    first = project.preprocess()
    content = first.volume.read_text()
    for damaged in (content[:-9], "", content.replace('"steps"', '"stairs"')):
        first.volume.write_text(damaged)
        with pytest.raises(
            ValueError, match=r"a\.json is damaged; expected the recipe"
        ):
            stored_volume(first)
        assert project.preprocess() == first
        assert first.volume.read_text() == content


def test_one_that_begins_to_train_gets_its_copy(project):
    made = project.preprocess(**project.halves())
    voxels, noise = whole_volume(made), stored_noise(made)
    kept = project.preprocess(**project.halves(), split="unlabeled")
    assert names(project) == ["a.zarr"]
    assert kept.fingerprint == made.fingerprint
    np.testing.assert_array_equal(whole_volume(kept), voxels)
    np.testing.assert_array_equal(stored_noise(kept)[:], noise)


def test_copies_that_are_there_stay_and_are_made_by_no_change_of_keep(project):
    kept = project.preprocess(keep="all")
    time = (kept.volume / "zarr.json").stat().st_mtime_ns
    assert project.preprocess() == kept
    assert (kept.volume / "zarr.json").stat().st_mtime_ns == time
    assert names(project) == ["a.zarr"]


def test_an_outdated_copy_makes_room_for_the_recipe(project):
    kept = project.preprocess(keep="all", **project.halves())
    made = project.preprocess(PreprocessSettings(clip="none"), **project.halves())
    assert names(project) == ["a.json"]
    assert not kept.noise.exists()
    with pytest.raises(FileNotFoundError):
        stored_volume(kept)
    project.preprocess()
    with pytest.raises(ValueError, match=r"a\.json is not the volume .*; run again"):
        stored_volume(made)


def change(path):
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))


def test_a_file_that_was_changed_since_is_not_read(project):
    entry = project.preprocess(**project.halves())
    change(project.folder / "even.mrc")
    stored_volume(entry)
    with pytest.raises(ValueError, match=r"even\.mrc is not the file .*; run again"):
        stored_noise(entry)
    change(project.folder / "path.mrc")
    with pytest.raises(ValueError, match=r"path\.mrc is not the file .*; run again"):
        stored_volume(entry)
    again = project.preprocess(**project.halves())
    assert again.fingerprint != entry.fingerprint
    stored_volume(again)


def test_a_file_that_is_gone_is_named(project):
    entry = project.preprocess()
    (project.folder / "path.mrc").unlink()
    match = r"path\.mrc is gone; expected the file that a is made again of.*copy it"
    with pytest.raises(FileNotFoundError, match=match):
        whole_volume(entry)


@pytest.fixture
def shard(project):
    """predict(entries, folder, ...) by an untrained model."""
    torch.manual_seed(0)
    sizes = ModelSettings(preset="small", widths=(4, 4), blocks=(1, 1))
    model = build_model(sizes, 1).eval()
    for parameter in model.parameters():  # untrained it says 0.02 everywhere
        torch.nn.init.normal_(parameter, std=0.5)
    card = ModelCard(
        stage="burn_in",
        method="supervised",
        particles=PARTICLES,
        model=sizes,
        preprocess=PLAIN,
        training_voxel_size=10.0,
    )
    path = project.folder / "model.safetensors"
    write_model(path, model, card)
    file = project.folder / "predict.json"
    settings = PredictSettings(window_zyx=(16, 16, 16), min_score=0.0)
    file.write_text(settings.model_dump_json())
    loaded = read_loaded([path], None, [file])

    def predict(entries, under, *copies):
        return predict_shard(entries, project.folder / under, loaded, *copies)

    return predict


@pytest.mark.parametrize(
    "copies",
    [(), (CalibrateSettings(noisy_copies=2),), (None, 2)],
    ids=["whole", "noisy", "halves"],
)
def test_the_candidates_are_the_same_to_the_last_digit(project, shard, copies):
    entries = [
        [
            project.preprocess(keep=keep, under=keep, tomogram=name, **project.halves())
            for name in ("a", "b")
        ]
        for keep in ("all", "trained")
    ]
    kept, made = (
        shard(e, f"{number} found", *copies) for number, e in enumerate(entries)
    )
    assert len(kept.tomograms) == 2 * (len(copies) + 1 if len(copies) < 2 else 2)
    assert sum(kept.histograms["ribosome"]) > 100
    assert made.histograms == kept.histograms
    for one, other in zip(kept.tomograms, made.tomograms, strict=True):
        assert other.fingerprint == one.fingerprint
        assert other.candidates.read_bytes() == one.candidates.read_bytes()


def test_one_whose_file_was_changed_fails_alone_and_may_succeed_later(project, shard):
    write_volume(project.folder / "b.mrc", project.volume, 10.0)
    entries = [
        project.preprocess(),
        project.preprocess(tomogram="b", path=project.folder / "b.mrc"),
    ]
    (project.folder / "b.mrc").unlink()
    tomograms = shard(entries, "found").tomograms
    assert [e.state for e in tomograms] == ["predicted", "failed"]
    assert tomograms[1].retry
    assert "its volume cannot be made by" in tomograms[1].error
    assert "b.mrc is gone" in tomograms[1].error


def picked(project, *before):
    """Write the manifest of picks in some tomograms."""
    found = picks_from_arrays([[120, 200, 280]], ["ribosome"], [0.9])
    write_picks(project.folder / "found.star", found)
    entries = [
        Picked(
            preprocessed=entry,
            picks=project.folder / "found.star",
            fingerprint="p",
            counts={"ribosome": 1},
        )
        for entry in before
    ]
    write_manifest(project.folder / "picked.json", entries)
    return project.folder / "picked.json"


def test_the_report_draws_the_same_pictures(project):
    faces = slabs.tilted(370, 6), slabs.tilted(830, 6)
    write_volume(project.folder / "path.mrc", slabs.lamella(*faces), 10.0)
    pages = []
    for entry in project.both():
        page, failed = (project.folder / name for name in ("page.html", "failed.json"))
        files = ReportFiles(picked=[picked(project, entry)])
        folder = project.folder / "pages"
        write_report(
            *(files, page, "blobs", PARTICLES),
            pages=folder,
            pick=PickSettings(),
            evaluate=EvaluateSettings(),
            max_pictures=9,
            failed=failed,
        )
        assert read_manifest(failed).tomograms == ()
        files_of = [page, *sorted(folder.glob("tomograms/*"))]
        pages.append({path.name: path.read_bytes() for path in files_of})
    assert len(pages[0]) == 4
    assert pages[0] == pages[1]


def test_what_was_labeled_of_the_same_file_is_not_proposed_again(project):
    """The recipe tells which file a row is of, as a stored volume does."""
    mask = {"mask": project.folder / "mask.mrc"}
    labels = {"picks": (project.folder / "picks.star",)}
    labeled = project.preprocess(tomogram="b", split="labeled", **mask, **labels)
    for more, number in (({}, 0), ({"path": project.folder / "even.mrc"}, 1)):
        entry = project.preprocess(split="predict", **more)
        ranking = project.folder / "next.tsv"
        ranking.write_text("tomogram\tsplit\na\tpredict\n")
        manifest, output = picked(project, entry, labeled), project.folder / "next"
        settings = LabelNextSettings(radius=100)
        write_regions(manifest, ranking, output, PARTICLES, settings)
        assert len(list(output.glob("a.star"))) == number


def test_manifests_say_the_same_after_they_were_read(project):
    entry = project.preprocess(**project.halves())
    write_manifest(project.folder / "m.json", [entry])
    assert read_preprocessed([project.folder / "m.json"]) == [entry]


def test_a_micrograph_is_made_again(project):
    write_volume(project.folder / "m.mrc", project.volume[:1], 10.0)
    more = {"path": project.folder / "m.mrc", "dimensions": 2}
    settings = PLAIN.model_copy(
        update={"equalise": True, "equalise_tiles": 2, "smooth": 8.0}
    )
    kept, made = project.both(settings, **more)
    assert made.shape_zyx == (1, *SHAPE[1:])
    assert made.source == project.folder / "m.mrc"
    np.testing.assert_array_equal(whole_volume(made), whole_volume(kept))
    with pytest.raises(ValueError, match=r"m\.mrc has one slice: a micrograph, but"):
        project.preprocess(under="other", path=project.folder / "m.mrc")


def test_a_micrograph_of_needlessly_many_pixels_is_told(project):
    write_volume(project.folder / "m.mrc", project.volume[:1], 1.2)
    more = {"path": project.folder / "m.mrc", "dimensions": 2}
    (warning,) = project.preprocess(**more).warnings
    assert "largest particle is 100 pixels wide, and 32 are enough" in warning
    assert "set preprocess.target_voxel_size: 3.8" in warning
    settings = PLAIN.model_copy(update={"target_voxel_size": 3.8})
    assert project.preprocess(settings, under="binned", **more).warnings == ()
