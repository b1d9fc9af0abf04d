"""The declared versions: one list of lower bounds, and one range of Pythons, wherever they are written."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TOOLS = {"ruff", "mypy", "import-linter"}  # they judge the code and never run with it

REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9-]+)(?P<bounds>[^;]*)")


def requirements() -> dict[str, str]:
    """Bounds by package, of hwgen and of its extras."""
    lines = PROJECT["dependencies"] + [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
    matches = [REQUIREMENT.fullmatch(line) for line in lines]
    return {match["name"]: match["bounds"] for match in matches if match is not None}


def as_numbers(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def test_every_requirement_has_a_lower_and_an_upper_bound() -> None:
    for name, bounds in requirements().items():
        assert re.fullmatch(r">=[\d.]+,<[\d.]+|==[\d.]+", bounds), f"{name}{bounds}"


def test_lowest_versions_are_the_declared_lower_bounds() -> None:
    text = (CHECKOUT / "tests" / "packaging" / "lowest-versions.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pinned = {name: as_numbers(version) for name, version in (line.split("==") for line in lines)}
    declared = {
        name: as_numbers(re.sub(r"^[>=]=", "", bounds.split(",")[0]))
        for name, bounds in requirements().items()
        if name not in TOOLS
    }
    assert pinned.keys() == declared.keys()
    for name, lowest in declared.items():
        assert pinned[name][: len(lowest)] == lowest, name


def test_classifiers_name_the_supported_pythons() -> None:
    named = [
        line.rsplit(" ", 1)[1]
        for line in PROJECT["classifiers"]
        if line.startswith("Programming Language :: Python :: 3.")
    ]
    assert named == ["3.11", "3.12", "3.13"]
    assert PROJECT["requires-python"] == ">=3.11,<3.14"


def test_find_python_prints_one_that_suits() -> None:
    script = CHECKOUT / "scripts" / "find_python.sh"
    found = subprocess.run(["sh", script], text=True, capture_output=True, check=True).stdout.strip()
    said = subprocess.run(
        [found, "-c", "import sys; print(sys.version_info[:2] in [(3, 11), (3, 12), (3, 13)])"],
        text=True,
        capture_output=True,
        check=True,
    ).stdout
    assert said.strip() == "True"


def test_find_python_refuses_what_does_not_run() -> None:
    done = subprocess.run(
        ["sh", CHECKOUT / "scripts" / "find_python.sh"],
        env={"PYTHON": "/nowhere/python3.12", "PATH": "/usr/bin:/bin"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("PYTHON=/nowhere/python3.12 does not suit: Python 3.11, 3.12 or 3.13 with")


def test_running_python_is_supported() -> None:
    assert (3, 11) <= sys.version_info[:2] < (3, 14)
