"""The documentation holds: links lead somewhere, commands exist, the README's Python runs.

A block of Python in the README that must not run says so: ```` ```python no-run ````. The others run in order, in one
interpreter, in a folder that holds nothing but ``model.h5``, a small QKeras model.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import support_page
from keras_file import write_dense_model
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("docs", "rtl_sim", "examples", "benchmarks", "templates", "tests")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))],
)
README = ROOT / "README.md"

# Files that people read as the project's own words; this file has to name what it forbids.
TEXTS = sorted(
    path
    for path in [
        *DOCUMENTS,
        *(ROOT / name for name in ("Makefile", "pyproject.toml", ".ci/run")),
        *(path for folder in ("hwgen", "templates", "scripts", *FOLDERS) for path in (ROOT / folder).rglob("*")),
    ]
    if path.suffix in {"", ".md", ".py", ".sh", ".toml", ".jinja", ".j2", ".h", ".cpp", ".tcl", ".txt"}
    and path.is_file()
    and path != Path(__file__)
    and "__pycache__" not in path.parts
)
FORBIDDEN = {
    "a promise instead of a statement": r"\bTODO\b|\bFIXME\b|\bXXX\b|lorem ipsum|coming soon",
    "advertising": r"state-of-the-art|blazing|seamless|cutting-edge|world-class|revolutionary",
    "the author's circumstances": r"\bmy (machine|laptop|computer)\b|\b(this|last|next) session\b|\bassistants?\b",
    "a path of one machine": r"(?<![\w.~$}/:*])/(home|root|Users|work|workspace|tmp|mnt)/[\w.]",
    "a package index": r"--(extra-)?index-url|--find-links|https?://[\w.-]*(pypi|pythonhosted|anaconda)\.",
}


def tokens(path: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))


def targets(path: Path) -> Iterator[str]:
    """Where the links and pictures of a document lead."""
    for token in tokens(path):
        for child in token.children or ():
            if child.type == "link_open":
                yield str(child.attrs["href"])
            elif child.type == "image":
                yield str(child.attrs["src"])


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as forges make them."""
    parsed = tokens(path)
    headings = [after.content for token, after in pairwise(parsed) if token.type == "heading_open"]
    found: set[str] = set()
    for heading in headings:
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number = sum(1 for known in found if re.fullmatch(rf"{re.escape(slug)}(-\d+)?", known))
        found.add(f"{slug}-{number}" if number else slug)
    return found


def code(path: Path) -> str:
    """Everything in a document that is set as code: blocks and spans."""
    blocks = [token.content for token in tokens(path) if token.type in ("fence", "code_block")]
    spans = [child.content for token in tokens(path) for child in token.children or () if child.type == "code_inline"]
    return "\n".join([*blocks, *spans])


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    broken = []
    for target in targets(document):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        file = (document.parent / place).resolve() if place else document
        inside = file.is_relative_to(ROOT)
        if not inside or not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_make_target_in_the_text_exists(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    used = set(re.findall(r"^\s*(?:\$ )?make(?: [A-Z]+=\S+)* ([a-z-]+)", code(document), re.MULTILINE))
    assert used - known == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_hwgen_command_in_the_text_exists(document: Path) -> None:
    used = set(re.findall(r"^\s*(?:\$ )?hwgen ([a-z]\w*)\b", code(document), re.MULTILINE))
    if not used:
        return
    program = Path(sys.executable).parent / "hwgen"
    for command in sorted(used):
        done = subprocess.run([program, command, "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"hwgen {command}: {done.stderr}"


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    assert {target for target in targets(folder / "README.md") if "/" not in target} == {
        path.name for path in folder.glob("[0-9]*.md")
    }


def test_the_page_of_what_is_supported_is_what_the_code_says() -> None:
    """If this fails: ``python scripts/support_page.py``, and read the difference."""
    assert support_page.PAGE.read_text(encoding="utf-8") == support_page.page()
    assert sorted(support_page.TARGETS) == sorted(support_page.ir_layers())


@pytest.mark.slow
def test_python_in_the_readme_runs(tmp_path: Path) -> None:
    blocks = [token for token in tokens(README) if token.type == "fence" and token.info.split()[:1] == ["python"]]
    program = "\n".join(token.content for token in blocks if "no-run" not in token.info)
    assert program, "the README holds no Python"
    write_dense_model(tmp_path / "model.h5")
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{program}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("reason", FORBIDDEN)
def test_the_project_speaks_for_itself(reason: str) -> None:
    found = [
        f"{named(path)}:{number}: {line.strip()}"
        for path in TEXTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(FORBIDDEN[reason], line, re.IGNORECASE if reason != "a promise instead of a statement" else 0)
    ]
    assert found == []
