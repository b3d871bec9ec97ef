"""An export as RELION's External job: the files it reads, and what they say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import starfile

from picker.__main__ import main
from picker.core.picks import picks_from_arrays
from picker.formats.picks import star
from picker.project.manifests import write_manifest
from tests.unit.predicted import picked

STAR = (
    "data_global\nloop_\n_rlnTomoName\n_rlnTomoTiltSeriesPixelSize\n_rlnTomoSizeX\n"
    "_rlnTomoSizeY\n_rlnTomoSizeZ\nTS_1 2.5 40 40 40\n"
)


@pytest.fixture
def relion(tmp_path, monkeypatch):
    """Return the export; RELION runs in the working folder, where its project is."""
    monkeypatch.chdir(tmp_path)
    Path("Tomograms/job010").mkdir(parents=True)
    Path("Tomograms/job010/tomograms.star").write_text(STAR)
    star.write_picks(Path("p.star"), picks_from_arrays([[5, 5, 5]], ["virus"], [0.9]))
    entry = picked(Path("p.star"), "TS_1")
    write_manifest(Path("pick.json"), [replace(entry, counts={"virus": 1})])
    particles = [{"name": name, "radius": 30} for name in ("virus", "ribosome")]
    Path("particles.json").write_text(json.dumps(particles))
    settings = {"tomograms_star": "Tomograms/job010/tomograms.star"}
    Path("export.json").write_text(json.dumps(settings))
    words = (
        "export --manifests pick.json --settings particles.json export.json --target"
    )
    for target in ("relion5", "relion4"):
        assert main([*words.split(), target, "--output", f"mine/{target}"]) == 0
    return Path("mine/relion5")


def test_relion_finds_the_files_of_particles_with_picks(relion):
    words = ["relion-job", str(relion), "--o", "External/job030/", "--j", "4"]
    assert main(words) == 0
    job = Path("External/job030")
    assert (job / "RELION_JOB_EXIT_SUCCESS").is_file()
    nodes = starfile.read(job / "RELION_OUTPUT_NODES.star", always_dict=True)
    assert nodes["output_nodes"].to_numpy().tolist() == [
        ["External/job030/virus.star", "ParticleGroupMetadata.star.relion"],
        [
            "External/job030/virus_optimisation_set.star",
            "TomoOptimisationSet.star.relion",
        ],
    ]
    pair = starfile.read(job / "virus_optimisation_set.star", always_dict=True)
    assert pair["optimisation_set"].to_numpy().tolist() == [
        ["External/job030/virus.star", "Tomograms/job010/tomograms.star"]
    ]
    assert (job / "virus.star").read_text() == (relion / "virus.star").read_text()


@pytest.mark.parametrize(
    ("export", "message"),
    [("mine", "expected the folder of an export"), ("mine/relion4", "for relion4; ex")],
)
def test_relion_is_told_of_a_failure(relion, capsys, export, message):
    assert main(["relion-job", export, "--o", "External/job031/"]) == 1
    assert message in capsys.readouterr().err
    assert Path("External/job031/RELION_JOB_EXIT_FAILURE").is_file()
    assert not Path("External/job031/RELION_JOB_EXIT_SUCCESS").exists()


@pytest.mark.parametrize("more", [[], ["--tomograms-star", "none.star"]])
def test_tilt_series_that_are_gone_are_a_failure(relion, capsys, more):
    Path("Tomograms/job010/tomograms.star").unlink()
    words = ["relion-job", str(relion), "--o", "External/job032/", *more]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert ".star does not exist; expected RELION's tomograms.star" in said
    assert Path("External/job032/RELION_JOB_EXIT_FAILURE").is_file()
    assert not Path("External/job032/RELION_JOB_EXIT_SUCCESS").exists()


def test_tilt_series_are_recorded_where_they_were_read(relion, capsys):
    star = Path("Tomograms/job010/tomograms.star")
    words = "export --manifests pick.json --settings particles.json export.json"
    words += " --target warp --output mine/warp"
    assert main(words.split()) == 0
    for target, recorded in (("relion5", str(star)), ("warp", None)):
        record = json.loads(Path(f"mine/{target}/provenance.json").read_text())
        assert record["tilt_series"] == recorded
    star.unlink()
    for target, is_told in (("relion5", True), ("warp", False)):
        capsys.readouterr()
        assert main(["explain", f"mine/{target}"]) == 0
        said = capsys.readouterr().out
        assert (f"CHANGED input {star} is not there now" in said) == is_told
        assert ("all input files are there as they were read" in said) != is_told
