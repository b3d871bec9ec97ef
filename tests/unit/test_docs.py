import argparse
import ast
import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from picker.__main__ import VERBS
from picker.config import Config

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Return what GitHub calls a page's headings in links."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_is_one_page_in_one_form(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"(?m)^## .*$", text) == [
        "## Status",
        "## Context",
        "## Decision",
        "## Consequences",
    ]
    assert text.startswith(f"# {int(page.stem[:4])}. ")
    assert len(text.splitlines()) <= 60


def test_no_two_decisions_have_one_number() -> None:
    numbers = [page.stem[:4] for page in DECISIONS]
    assert len(set(numbers)) == len(numbers) > 0


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith("http"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


MODULE = re.compile(r"`picker((?:\.\w+)+)")
FILE = re.compile(r"(?<![\w/])(?:picker|tests|workflow)/[\w./]+")
NOT_OURS = ("picker/methods/my_method.py", "picker/models/co_train.safetensors")
"""The example of docs/add-a-method.md, and a path in a user's project."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_modules_and_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for file in FILE.findall(text):
        assert file in NOT_OURS or (ROOT / file.rstrip(".")).exists(), file
    for name in MODULE.findall(text):
        place, *parts = ROOT / "picker", *name.strip(".").split(".")
        while parts and (place / parts[0]).is_dir():
            place /= parts.pop(0)
        module = place / f"{parts.pop(0) if parts else '__init__'}.py"
        if not module.exists():  # a name in the room's own __init__
            parts, module = [module.stem], place / "__init__.py"
        for part in parts:
            assert re.search(rf"\b{part}\b", module.read_text()), f"picker{name}"


def literals(path: Path) -> list[str]:
    """Return the texts in a file of Python, with … where a value is put in."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = (
                part.value if isinstance(part, ast.Constant) else "…"
                for part in node.values
            )
            found.append("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return found


def test_the_errors_that_the_guide_explains_are_those_of_the_code() -> None:
    page = (ROOT / "docs/guide/errors.md").read_text(encoding="utf-8")
    messages = re.findall(r"(?m)^\| `([^`]+)` \|", page)
    texts = [t for path in (ROOT / "picker").rglob("*.py") for t in literals(path)]
    assert len(messages) > 50
    for message in messages:
        parts = [re.escape(part.strip()) for part in message.split("…")]
        pattern = re.compile(".*".join(parts), re.DOTALL)
        assert any(pattern.search(text) for text in texts), message


FENCED = re.compile(r"(?ms)^ *```.*?^ *```$")
INLINE = re.compile(r"`([^`]+)`")
ENDINGS = {"html", "json", "md", "py", "safetensors", "smk", "star", "tsv", "zarr"}
OF_TODAY = [page for page in PAGES if page.parent.name != "decisions"]
"""A decision may name what has another name since."""
SECTIONS = {
    name: field.annotation
    for name, field in Config.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}


def options(verb: str) -> set[str]:
    """Return the options of a verb."""
    parser = argparse.ArgumentParser()
    importlib.import_module(f"picker.verbs.{verb.replace('-', '_')}").add_arguments(
        parser
    )
    return {"--help", *(o for a in parser._actions for o in a.option_strings)}  # noqa: SLF001


@pytest.mark.parametrize("page", OF_TODAY, ids=lambda page: str(page.relative_to(ROOT)))
def test_verbs_options_and_settings_that_a_page_names_exist(page: Path) -> None:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    for code in map(" ".join, map(str.split, INLINE.findall(text))):
        if code.startswith("picker "):
            verb, *words = shlex.split(code)[1:]
            assert verb in VERBS or verb in ("--help", "VERB"), code
            given = {word for word in words if word.startswith("--")}
            assert verb not in VERBS or given <= options(verb), code
        section, *keys = code.partition(":")[0].split(".")
        is_setting = section in SECTIONS and all(
            re.fullmatch("[a-z_]+", k) for k in keys
        )
        if not is_setting or ENDINGS & set(keys):
            continue
        model: Any = SECTIONS[section]
        for key in keys:
            assert key in model.model_fields, code
            model = model.model_fields[key].annotation
