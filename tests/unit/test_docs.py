import re
from pathlib import Path

import pytest

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
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


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
