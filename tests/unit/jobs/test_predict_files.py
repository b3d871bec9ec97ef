import tracemalloc

import mrcfile
import numpy as np
import pytest
import zarr

from picker.__main__ import main
from picker.config import ModelSettings, Particle, PreprocessSettings
from picker.core.picks import picks_from_arrays
from picker.finding.window_finder import WindowFinder
from picker.formats.picks.star import read_picks
from picker.formats.volumes.mrc import write_volume
from picker.jobs.model_card import ModelCard, model_fingerprint, write_model
from picker.networks import build_model
from tests.unit.predicted import calibrated, thresholds_of

SHAPE = (64, 96, 96)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An untrained model and two volumes."""
    monkeypatch.chdir(tmp_path)
    model = ModelSettings(preset="small", widths=(4, 4), blocks=(1, 1))
    particles = (Particle(name="ribosome", radius=100),)
    card = ModelCard(
        stage="burn_in",
        method="supervised",
        particles=particles,
        model=model,
        preprocess=PreprocessSettings(),
        training_voxel_size=10.0,
    )
    for name in ("model", "burn_in"):
        write_model(tmp_path / f"{name}.safetensors", build_model(model, 1), card)
    rng = np.random.default_rng(0)
    for name in "ab":
        with mrcfile.new(tmp_path / f"{name}.mrc") as file:
            file.set_data(rng.standard_normal(SHAPE, np.float32))
            file.voxel_size = 10.0
    return tmp_path


def test_while_a_file_is_predicted_it_is_in_memory_once(project, monkeypatch):
    """Normalised; as it came it is gone, and so is the file before."""
    seen = []

    def candidates(_, volume, voxel_size, region=None):
        assert (volume.shape, voxel_size) == (SHAPE, 10.0)
        arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
        traces = tracemalloc.take_snapshot().filter_traces([arrays]).traces
        seen.append(sum(trace.size for trace in traces))
        return picks_from_arrays([[300, 400, 500]], ["ribosome"], [0.5])

    monkeypatch.setattr(WindowFinder, "candidates", candidates)
    words = "predict --model model.safetensors a.mrc b.mrc --output found"
    tracemalloc.start()
    try:
        assert main(words.split()) == 0
    finally:
        tracemalloc.stop()
    one = 2 * np.prod(SHAPE)  # float16
    assert len(seen) == 2
    assert one <= min(seen)
    assert max(seen) < 1.5 * one
    assert {p.name for p in (project / "found").iterdir()} == {"a.star", "b.star"}


def test_a_bad_file_takes_no_other_down(project, capsys):
    (project / "bad.mrc").write_bytes((project / "a.mrc").read_bytes()[:5000])
    words = "predict --model model.safetensors bad.mrc a.mrc gone.mrc b.mrc"
    assert main([*words.split(), "--output", "found"]) == 1
    assert {p.name for p in (project / "found").iterdir()} == {"a.star", "b.star"}
    said = capsys.readouterr().err
    assert "2 of 4 tomograms cannot be used, the others are written" in said
    assert "bad.mrc" in said
    assert "gone.mrc does not exist" in said


def test_two_files_of_one_name_are_not_written_as_one(project, capsys):
    (project / "other").mkdir()
    (project / "a.mrc").rename(project / "other" / "b.mrc")
    words = "predict --model model.safetensors b.mrc other/b.mrc --output found"
    assert main(words.split()) == 1
    assert "picks of other/b.mrc would replace" in capsys.readouterr().err
    assert not (project / "found").exists()


def test_an_error_that_nobody_thought_of_takes_no_other_down(
    project, capsys, monkeypatch
):
    candidates = WindowFinder.candidates

    def unlucky(self, volume, voxel_size, region=None):
        if volume[0, 0, 0] == first:
            raise ZeroDivisionError("division by zero")
        return candidates(self, volume, voxel_size, region)

    with mrcfile.open(project / "a.mrc") as file:
        values = file.data.astype(np.float64).clip(-3, 3)
    first = np.float16((values[0, 0, 0] - values.mean()) / values.std())
    monkeypatch.setattr(WindowFinder, "candidates", unlucky)
    words = "predict --model model.safetensors a.mrc b.mrc --output found"
    assert main(words.split()) == 1
    assert {p.name for p in (project / "found").iterdir()} == {"b.star"}
    said = capsys.readouterr().err
    assert "a.mrc: unexpected ZeroDivisionError (division by zero)" in said
    assert "Traceback" in said


def test_a_stack_and_missing_chunks_are_taken_if_the_user_says_so(project, capsys):
    with mrcfile.open(project / "a.mrc", "r+") as file:
        file.set_image_stack()
    words = "predict --model model.safetensors a.mrc --voxel-size 10 --output a.star"
    assert main(words.split()) == 1
    assert "is 64 images and no volume" in capsys.readouterr().err
    assert main([*words.split(), "--stacks-are-volumes"]) == 0
    assert (project / "a.star").exists()
    (project / "a.mrc").unlink()
    array = zarr.create_array("a.mrc", shape=SHAPE, dtype="f4", chunks=(32, 48, 48))
    array[...] = np.random.default_rng(1).standard_normal(SHAPE)
    array[:32, :48, :48] = 0  # left out
    assert main(words.split()) == 1
    assert "1 of 8 chunks are missing" in capsys.readouterr().err
    assert main([*words.split(), "--missing-chunks", "fill"]) == 0
    said = "1 of 8 chunks are missing and would read as 0.0, as was accepted"
    assert said in capsys.readouterr().err


def scores(project, monkeypatch, capsys, *words):
    """Return exit status, the scores of a's picks, and what was said."""

    def candidates(_, volume, voxel_size, region=None):
        places = [[300, 400, 500], [300, 700, 500]]
        return picks_from_arrays(places, ["ribosome"] * 2, [0.5, 0.2])

    monkeypatch.setattr(WindowFinder, "candidates", candidates)
    status = main(["predict", "a.mrc", "--output", "a.star", *words])
    path = project / "a.star"
    picks = read_picks(path).score.tolist() if path.exists() else ()
    return status, [round(score, 3) for score in picks], capsys.readouterr().err


def test_thresholds_beside_a_model_are_its_own_or_passed_over_aloud(
    project, monkeypatch, capsys
):
    own = model_fingerprint(project / "model.safetensors")
    text = thresholds_of({"ribosome": calibrated(0.4)}, model=own)
    (project / "thresholds.json").write_text(text)
    tried = (project, monkeypatch, capsys, "--model")
    status, found, said = scores(*tried, "model.safetensors")
    assert (status, found) == (0, [0.5])
    assert "thresholds" not in said
    status, found, said = scores(*tried, "burn_in.safetensors")
    assert (status, found) == (0, [0.5, 0.2])
    assert "thresholds.json are of another model" in said
    assert "All candidates of ribosome are written" in said
    (project / "a.star").unlink()
    words = ("burn_in.safetensors", "--thresholds", "thresholds.json")
    status, found, said = scores(*tried, *words)
    assert (status, found) == (1, [])
    assert "thresholds.json are of another model" in said


def test_bad_thresholds_stop_before_anything_is_predicted(project, monkeypatch, capsys):
    def candidates(_, volume, voxel_size, region=None):
        raise AssertionError("predicted")

    monkeypatch.setattr(WindowFinder, "candidates", candidates)
    (project / "thresholds.json").write_text('{"ribosome": {"threshold": null}}')
    words = "predict --model model.safetensors a.mrc --output a.star"
    assert main(words.split()) == 1
    assert "thresholds thresholds.json do not say" in capsys.readouterr().err


def test_thresholds_of_ones_own_need_no_file(project, monkeypatch, capsys):
    tried = (project, monkeypatch, capsys, "--model", "model.safetensors")
    (project / "pick.json").write_text('{"thresholds": {"ribosome": 0.3}}')
    status, found, said = scores(*tried, "--settings", "pick.json")
    assert (status, found) == (0, [0.5])
    assert "warning: no " not in said
    (project / "pick.json").write_text('{"thresholds": {"tric": 0.3}}')
    status, _, said = scores(*tried, "--settings", "pick.json")
    assert status == 1
    assert "pick.thresholds names tric; the model knows ribosome" in said


def test_a_micrograph_needs_a_method_that_finds_in_such(project, capsys):
    image = np.random.default_rng(0).standard_normal((1, 96, 96), np.float32)
    write_volume(project / "m.mrc", image, 10.0)
    words = "predict m.mrc --output m.star"
    assert main([*words.split(), "--model", "model.safetensors"]) == 1
    said = capsys.readouterr().err
    assert "m.mrc has one slice: a micrograph, but method supervised finds in" in said
    (project / "particles.json").write_text('[{"name": "ribosome", "radius": 100}]')
    words += " --method blobs --settings particles.json"
    assert main(words.split()) == 0
    assert (read_picks(project / "m.star").position_zyx[:, 0] == 0).all()


def test_single_files_have_the_context_that_is_known_of_them(
    project, capsys, monkeypatch
):
    def candidates(self, volume, voxel_size, region=None):
        places = [[300, 400, 500], [300, 400, 40]]
        return picks_from_arrays(places, ["ribosome"] * 2, [0.5, 0.5])

    monkeypatch.setattr(WindowFinder, "candidates", candidates)
    words = "predict --model model.safetensors a.mrc --output a.star --settings"
    (project / "pick.json").write_text('{"context": {"edge": {"all": [100, null]}}}')
    assert main([*words.split(), "pick.json"]) == 0
    found = read_picks(project / "a.star")
    assert found.context["edge"].tolist() == [300]
    assert set(found.context) == {"edge", "density", "class_density"}
    (project / "pick.json").write_text('{"context": {"membrane": {"all": [0, 9]}}}')
    assert main([*words.split(), "pick.json"]) == 1
    assert "not known of a.mrc: its membranes" in capsys.readouterr().err
    (project / "pick.json").write_text(
        '{"context": {"membrane": {"all": [0, 9]}, "unknown": "keep"}}'
    )
    assert main([*words.split(), "pick.json"]) == 0
    assert "a.mrc: pick.context.membrane drops nothing" in capsys.readouterr().err
    (project / "pick.json").write_text('{"context": {"edge": {"ribosom": [0, 9]}}}')
    assert main([*words.split(), "pick.json"]) == 1
    said = capsys.readouterr().err
    assert "pick.context.edge names ribosom; the model knows ribosome" in said
