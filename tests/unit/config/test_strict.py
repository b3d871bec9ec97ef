from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from picker.config.strict import check_settings_file, json_of

ROOT = Path(__file__).parents[3]


def laughs(kind: str, levels: int) -> str:
    """Return YAML in which each line stands for ten of the line before."""
    lines = ["a0: &a0 {x: 1}" if kind != "list" else "a0: &a0 [1]"]
    for i in range(1, levels):
        below = ", ".join(f"*a{i - 1}" for _ in range(10))
        keys = ", ".join(f"k{j}: *a{i - 1}" for j in range(10))
        content = {
            "list": f"[{below}]",
            "dict": f"{{{keys}}}",
            "merge": f"{{<<: [{below}]}}",
        }[kind]
        lines.append(f"a{i}: &a{i} {content}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "has a twice in one section, in lines 1 and 3"),
        ("a:\n  b: 1\n  'b': 2\n", "has b twice in one section, in lines 2 and 3"),
        ("- {a: 1,\n   a: 2}", "has a twice in one section, in lines 1 and 2"),
        ('{"a": 1,\n "a": 2}', "has a twice in one section, in lines 1 and 2"),
        ('{\t"a": 1,\n\t"a": 2}', "has the key 'a' twice"),
        ("a: [1\nb: 2", "is no YAML: line 2, expected ',' or ']'"),
        ("a: *b", "is no YAML: line 1, found undefined alias"),
        ("a: " + "[" * 10_000, "has brackets nested too deeply"),
        ("a: &a [1, *a]", "line 1: an alias stands for itself"),
        ("a: &a {b: {c: *a}}", "line 1: an alias stands for itself"),
        ("a: " + "x" * 5000, "line 1 has a value of 5000 characters"),
        ("a:\n" + "- 1\n" * 300_000, "has more than 1000000 bytes"),
        ("a: 1\n__use_yte__: true\n", "line 2 has __use_yte__, with which Snakemake"),
        ('a: &a {"\\x5f_use_yte__": 1}\n<<: *a\n', "line 1 has __use_yte__, with wh"),
        ("a: !!python/name:os.system x", "line 1, could not determine a construct"),
        ("a: 2020-99-99", "cannot be read: month must be in 1..12; expected plain"),
        ("[a]: 1", "line 1, found unhashable key; expected plain values, fix it"),
        ("<<: 5", "line 1, expected a mapping or list of mappings for merging"),
        *(
            (laughs(kind, 30), "has more than 100000 values, counting aliases")
            for kind in ("list", "dict", "merge")
        ),
    ],
)
def test_a_file_of_settings_says_one_thing(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    started = time.process_time()
    with pytest.raises(ValueError, match=r"config\.yaml") as caught:
        check_settings_file(path)
    assert message in str(caught.value)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: &a {b: 1}\nc: {<<: *a, b: 2}\nd: [*a, *a]\n",
        "a: {b: 1}\nc: {b: 1}\n",
        "1: a\n'1': b\n",
        '{\t"a": 1,\n\t"b": {"a": 2}}',
        laughs("list", 4),
        (ROOT / "config.yaml").read_text(),
    ],
)
def test_what_is_plain_passes(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    check_settings_file(path)


def test_json_has_each_key_once_and_an_end():
    assert json_of('{"a": {"b": 1}, "c": {"b": 2}}') == {"a": {"b": 1}, "c": {"b": 2}}
    with pytest.raises(ValueError, match="the key 'b' twice"):
        json_of('{"a": {"b": 1, "b": 2}}')
    with pytest.raises(ValueError, match="nested too deeply"):
        json_of("[" * 100_000)


def test_the_workflow_looks_at_the_files_before_they_are_loaded(tmp_path):
    def said(*words):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"),
                *("--directory", tmp_path, "--cores", "1", "--dry-run", *words),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode != 0
        return done.stdout + done.stderr

    path = tmp_path / "config.yaml"
    path.write_text("train: {seed: 1}\nreport: {}\ntrain: {seed: 2}\n")
    message = "config.yaml has train twice in one section, in lines 1 and 3"
    assert message in said()
    (tmp_path / "mine.yaml").write_text(path.read_text())
    path.write_text(laughs("dict", 30))  # Snakemake alone would never be done
    assert "has more than 100000 values" in said()
    path.write_text("__use_yte__: true\nmethod: ?open('made', 'w')\n")
    assert "config.yaml, line 1 has __use_yte__" in said()
    assert not (tmp_path / "made").exists()
    path.write_bytes("method: vnet".encode("utf-16"))
    assert "config.yaml is no UTF-8 text" in said()
    path.unlink()
    assert "mine.yaml has train twice" in said("--configfile", "mine.yaml")
    os.mkfifo(path)
    assert "config.yaml is no file; expected one of settings" in said()
