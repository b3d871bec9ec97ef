from __future__ import annotations

import json

import numpy as np

from picker.__main__ import main
from picker.config import Particle
from picker.formats.picks.star import read_picks
from picker.formats.volumes.mrc import write_volume
from picker.formats.volumes.read import read_tomogram
from picker.volumes.phantoms.simulate import simulate_tomogram
from tests.unit.volumes.phantoms.test_simulate import SMALL, density_map


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
    said = capsys.readouterr().err
    assert "p0.mrc" in said
    assert "give an MRC, EM or HDF5 file" in said


def test_halves_are_written_where_they_are_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "particles.json").write_text('[{"name": "p0", "radius": 90}]')
    words = "simulate --name t --index 0 --output t.mrc --truth t.star --settings"
    words = [*words.split(), "particles.json", "simulate.json"]
    halves = SMALL.model_copy(update={"halves": True})
    (tmp_path / "simulate.json").write_text(halves.model_dump_json())
    assert main(words) == 1
    assert "0 files of halves are named; expected 2" in capsys.readouterr().err
    assert main([*words, "--halves", "even.mrc", "odd.mrc"]) == 0
    volume, even, odd = (
        read_tomogram(tmp_path / f"{name}.mrc", "t")[0].volume
        for name in ("t", "even", "odd")
    )
    np.testing.assert_allclose((even + odd) / 2, volume, atol=1e-6)
    assert (even - odd).std() > 0.5


def test_two_dimensions_make_a_micrograph(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "particles.json").write_text('[{"name": "p0", "radius": 90}]')
    (tmp_path / "simulate.json").write_text(SMALL.model_dump_json())
    words = "simulate --name t --index 0 --output t.mrc --truth t.star --dimensions 2"
    settings = ["--settings", "particles.json", "simulate.json"]
    assert main([*words.split(), *settings]) == 0
    micrograph, _ = read_tomogram(tmp_path / "t.mrc", "t")
    assert micrograph.shape_zyx == (1, *SMALL.shape_zyx[1:])
    assert (read_picks(tmp_path / "t.star").position_zyx[:, 0] == 0).all()
