"""What verbs print with --json: one document each, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict

from picker import __version__
from picker.__main__ import VERBS, main
from picker.config import Config
from picker.formats.picks.star import read_picks

ROOT = Path(__file__).parents[3]
RUN = {"method": "blobs", "tomograms": 3, "noisy": False, "shards": {"test-1": 1}}
SETTINGS = {
    "method": "blobs",
    "particles": [{"name": "ball", "radius": 60}],
    "simulate": {
        "shape_zyx": [24, 40, 40],
        "particles_per_class": 5,
        "snr": [4.0, 6.0],
        "halves": True,
    },
    "model": {"preset": "small", "widths": [8, 8], "blocks": [1, 1]},
    "train": {"patch_zyx": [16, 24, 24], "num_workers": 0, "precision": "float32"},
    "burn_in": {"steps": 1, "warmup_steps": 1},
    "co_train": {"steps": 1, "warmup_steps": 1, "ramp_up_steps": 1},
    "predict": {"window_zyx": [24, 32, 32], "flips": False, "precision": "float32"},
    "vote": {"methods": {"blobs": 1}},
    "tune": {"steps": 1, "initial": 1},
    "report": {"max_pictures": 0},
    "benchmark": {"methods": ["blobs"]},
}
VOLUMES = "--volumes results/tomograms --labels results/labels"
REVIEW = {"picker_review": 1, "method": "blobs", "run": "a1"}
ANSWER = {
    **{"tomogram": "t2", "particle": "ball", "position": (200, 200, 120)},
    **{"score": 0.5, "answer": "right"},
}
# Each verb once, in an order in which each finds what it reads. S: the settings' files.
COMMANDS = {
    "init": "init project",
    "simulate": "simulate --name t2 --index 2 --output t2.mrc --truth t2.star"
    " --halves t2_even.mrc t2_odd.mrc S",
    "preprocess": f"preprocess --tomograms test.tsv {VOLUMES} --output test.json S",
    "choose": "choose --manifests known.json --split labeled --number 1"
    " --output one.json",
    "train": "train --method supervised --stage burn_in --manifests known.json"
    " --output m.safetensors --log-table m.tsv --checkpoint m.pt S",
    "predict": "predict --method blobs --manifests test.json --candidates c"
    " --output predicted.json S",
    "calibrate": "calibrate --manifests known_predicted.json --method blobs"
    " --output thresholds.json S",
    "tune": "tune --manifests known_predicted.json --output tuned.yaml"
    " --trials trials.tsv --picture trials.svg S",
    "link": "link yolo/labels --tomogram t2.mrc --output linked.star S",
    "vote": "vote --member blobs thresholds.json predicted.json --candidates votes"
    " --output voted.json S",
    "pick": "pick --manifests predicted.json --thresholds thresholds.json"
    " --picks results/blobs/picks --output results/blobs/manifests/pick.json"
    " --label-next ranking.tsv S",
    "label-next": "label-next --picks results/blobs/manifests/pick.json"
    " --ranking ranking.tsv --output regions --failed f1.json S",
    "evaluate": "evaluate --picks results/blobs/manifests/pick.json"
    " --candidates predicted.json --thresholds thresholds.json --split test"
    " --output metrics.json --curves curves.tsv --by-tomogram by.tsv"
    " --failed failed.json S",
    "reproducibility": "reproducibility --halves halves.json"
    " --candidates predicted.json --thresholds thresholds.json --output halves.tsv S",
    "export": "export --manifests results/blobs/manifests/pick.json --target relion5"
    " --output exported --failed f2.json S",
    "relion-job": "relion-job exported --o job",
    "explain": "explain exported",
    "convert": "convert t2.star --to imod --output out --tomogram t2.mrc",
    "report": "report --method blobs --picks results/blobs/manifests/pick.json"
    " --candidates predicted.json --thresholds thresholds.json --output report.html"
    " --pages report --failed f3.json S",
    "review": "review review.json --table tomograms.tsv --train-on-test",
    "view": "view t2 --with 3dmod",
    "status": "status",
    "measure": "measure --method blobs --picks results/blobs/manifests/pick.json"
    " --metrics metrics.json --failed failed.json --labeled 2 --seed 0 --repeats 1"
    " --output cell.json S",
    "tables": "tables --cells cell.json --output tables",
    "finish": "finish --picks results/blobs/manifests/pick.json --metrics metrics.json"
    " --report report.html --output summary.txt",
}
SAME = {"evaluate": "metrics.json", "measure": "cell.json"}
SAME["calibrate"] = "thresholds.json"
"""Verbs whose result is the file that they write."""


class Printed(BaseModel):
    """The form of a result."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: str
    verb: str
    result: dict[str, Any]


class Mistake(BaseModel):
    """The form of an error."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: str
    verb: str
    error: str


def documented():
    """Return verb: the keys of its result, of the table in the documentation."""
    rows = re.findall(
        r"^\| (\S+) \| (.*?) \|$",
        (ROOT / "docs/json.md").read_text(),
        re.MULTILINE,
    )
    found = {verb: set(re.findall(r"`(\w+)`", text)) for verb, text in rows}
    return {verb: keys for verb, keys in found.items() if verb in VERBS}


def words_of(line):
    files = " ".join(map(str, sorted(Path("results/settings").iterdir())))
    return re.sub(r" S$", f" --settings {files}", line).split()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with phantoms, two labeled and one to test on, and their candidates."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("json")
        patch.chdir(folder)
        settings = Path("results/settings")
        settings.mkdir(parents=True)
        for name, section in (
            Config.model_validate(SETTINGS).model_dump(mode="json").items()
        ):
            (settings / f"{name}.json").write_text(json.dumps(section))
        Path("results/run.json").write_text(json.dumps(RUN))
        Path("yolo/labels").mkdir(parents=True)
        Path("yolo/labels/slice_012.txt").write_text("0 0.5 0.5 0.3 0.3 0.9\n")
        Path("yolo/classes.txt").write_text("ball\n")
        Path("review.json").write_text(json.dumps({**REVIEW, "answers": [ANSWER]}))
        head = "tomogram\tpath\tsplit\tpicks\teven\todd\n"
        row = "{0}\t{0}.mrc\t{1}\t{0}.star\t{0}_even.mrc\t{0}_odd.mrc\n"
        splits = {"t0": "labeled", "t1": "labeled", "t2": "test"}
        rows = {name: row.format(name, split) for name, split in splits.items()}
        Path("known.tsv").write_text(head + rows["t0"] + rows["t1"])
        Path("test.tsv").write_text(head + rows["t2"])
        Path("tomograms.tsv").write_text(head + "".join(rows.values()))
        for i in range(2):
            line = COMMANDS["simulate"].replace("t2", f"t{i}")
            assert main(words_of(line.replace("--index 2", f"--index {i}"))) == 0
        line = COMMANDS["preprocess"].replace("test", "known")
        assert main(words_of(line)) == 0
        line = COMMANDS["predict"].replace("test.json", "known.json")
        assert main(words_of(line.replace("predicted", "known_predicted"))) == 0
        yield folder


def test_every_verb_is_run_and_documented():
    assert set(COMMANDS) == set(VERBS) == set(documented())


# They need each other's files, so that they are run one after the other.
def test_every_verb_prints_one_document_alone(project, capfd, monkeypatch):
    monkeypatch.chdir(project)
    keys = documented()
    results: dict[str, Any] = {}
    for verb, line in COMMANDS.items():
        if verb == "reproducibility":
            halved = COMMANDS["predict"].replace("predicted.json", "halves.json")
            halved = halved.replace("--candidates c", "--candidates h --halves 1")
            assert main(words_of(halved)) == 0
            capfd.readouterr()
        status = main([*words_of(line), "--json"])
        text, said = capfd.readouterr()
        assert status == 0, said
        found = Printed.model_validate_json(text)
        assert (found.version, found.verb) == (__version__, verb)
        results[verb] = found.result
        if verb in SAME:
            assert found.result == json.loads(Path(SAME[verb]).read_text())
        else:
            assert set(found.result) == keys[verb], verb
    simulated = len(read_picks(Path("t2.star")))
    assert results["simulate"]["particles"] == {"ball": simulated}
    assert results["preprocess"]["tomograms"] == ["t2"]
    assert results["choose"]["tomograms"] == ["t0"]
    assert results["train"]["last"]["step"] == 2
    (number,) = results["pick"]["picks"]["t2"].values()
    assert number > 0
    assert results["export"]["picks"] == {"t2": number}
    assert results["convert"]["picks"] == {"t2": simulated}
    assert results["view"]["command"].startswith("3dmod ")
    (accuracy,) = results["tables"]["tables"]["table1_accuracy"]
    assert accuracy["f1@0.5_sd"] is None
    assert results["finish"]["summary"] == Path("summary.txt").read_text().strip()
    assert results["tune"]["tomograms"] == 2
    assert results["relion-job"]["files"].keys() == {"job/ball.star"}


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("finish --picks none.json --report r --output s", 1, "none.json"),
        ("status --results nowhere", 1, "nowhere"),
        ("convert a --output b", 2, "required: --to"),
        ("tables --cells none.json --nothing", 2, "--output"),
        ("predict a.mrc --method wrong --output b", 2, "invalid choice"),
    ],
)
def test_an_error_is_a_document_too_and_keeps_its_status(
    tmp_path, monkeypatch, capsys, line, status, said
):
    monkeypatch.chdir(tmp_path)
    words = [*line.split(), "--json"]
    if status == 2:
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
    else:
        assert main(words) == status
    out, err = capsys.readouterr()
    found = Mistake.model_validate_json(out)
    assert found.verb == words[0]
    assert said in found.error
    assert said in err


def test_a_fault_of_the_program_is_told_and_raised(monkeypatch, capsys):
    def broken(_):
        raise KeyError("lost")

    monkeypatch.setattr("picker.verbs.status.run", broken)
    with pytest.raises(KeyError):
        main(["status", "--json"])
    error = Mistake.model_validate_json(capsys.readouterr().out).error
    assert error == "KeyError: 'lost'"


def test_what_a_library_prints_is_no_part_of_the_document(monkeypatch, capsys):
    def talking(_):
        print("a library's greeting")  # noqa: T201
        return {"a": float("1.5"), "name": "m\x1b[2J"}

    monkeypatch.setattr("picker.verbs.status.run", talking)
    assert main(["status", "--json"]) == 0
    out, err = capsys.readouterr()
    assert Printed.model_validate_json(out).result == {"a": 1.5, "name": "m\x1b[2J"}
    assert "\x1b" not in out
    assert "greeting" in err


def test_of_several_processes_the_first_prints(monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr("picker.verbs.status.run", lambda _: {})
    assert main(["status", "--json"]) == 0
    assert main(["finish", "--picks", "no", "--report", "r", "--output", "s"]) == 1
    with pytest.raises(SystemExit):
        main(["finish", "--json"])
    assert main(["status", "--results", "nowhere", "--json"]) == 0
    assert capsys.readouterr().out == ""


def test_of_several_processes_that_train_the_first_reads_what_it_wrote(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("picker.verbs.train.train_stage", lambda *_, **__: None)
    words = "train --stage burn_in --method supervised --manifests m --settings s"
    words += f" --output o --checkpoint c --log-table {tmp_path / 'log.tsv'}"
    assert main(words.split()) == 1
    # Others may end before the table is there.
    monkeypatch.setenv("RANK", "1")
    assert main(words.split()) == 0


def test_a_number_of_another_kind_is_no_text(monkeypatch):
    monkeypatch.setattr("picker.verbs.status.run", lambda _: {"picks": np.int64(3)})
    with pytest.raises(TypeError, match="int64"):
        main(["status", "--json"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("line", ["init made", "status --results nowhere"])
def test_output_that_takes_nothing(tmp_path, line):
    """One message, without a traceback or a mistake as Python ends."""
    command = [sys.executable, "-m", "picker", *line.split(), "--json"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert ended.returncode == 1
    (said,) = [line for line in ended.stderr.splitlines() if "rror" in line]
    assert " error: " in said
