"""hls4ml's own QKeras acceptance cases through hwgen, as a page: docs/hls4ml-cases.md.

    PYTHONPATH=tests python benchmarks/hls4ml_cases.py ../shared/oracles/hls4ml_acceptance_cases.json \\
        --examples ../example-models

The file of cases lies beside the checkout; ``--examples`` is a clone of
fastmachinelearning/example-models. Each case becomes a model file, hwgen reads it, the generated C++ is compiled and
run, and every output is compared with the QKeras model's. It needs the tests' oracles and TensorFlow.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from oracle.acceptance_cases import Case, Result, run_case

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "hls4ml-cases.md"

_HEAD = """\
# hls4ml's QKeras acceptance cases, through hwgen

hls4ml accepts its QKeras support by the cases below; its tests say how far its prediction may be from the QKeras model.
Here each case goes through hwgen itself: the model is saved, `hwgen.load` reads it, the HLS project is written and
compiled, and every output value of the C++ is compared with what QKeras predicts. Data lie on the grid of hls4ml's
default input type, `fixed<16,6>`, where the case names none. `PYTHONPATH=tests python benchmarks/hls4ml_cases.py` with
the file of cases, and hls4ml's example models, writes this page.

*Exact* means that no output differs in any bit. A softmax at the end is compared by its logits. Where a model leaves
something unquantized, hwgen refuses it, names the flag, and is then given hls4ml's own type of that case by that flag:
the row says so. *Within tolerance* is what hls4ml's test asks of hls4ml, with the largest difference.

"""


def main() -> int:
    """Run every case of the file and write the page; status 1 where a case is outside its tolerance."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path, help="hls4ml_acceptance_cases.json")
    parser.add_argument("--page", type=Path, default=PAGE, help="where to write")
    parser.add_argument("--examples", type=Path, help="hls4ml's example models; without it, its trained ones not run")
    options = parser.parse_args()
    compiler = shutil.which("clang++") or shutil.which("g++")
    if compiler is None:
        parser.error("a C++ compiler is needed: clang++ or g++")
    cases = read_cases(options.cases)
    results: list[Result] = []
    for number, case in enumerate(cases, start=1):
        with tempfile.TemporaryDirectory(prefix="hwgen-case-") as folder:
            shared = options.cases.resolve().parents[1]
            results.append(run_case(case, Path(folder), compiler, shared, options.examples))
        print(f"{number:3} {case.test}: {results[-1].verdict}: {results[-1].note}", flush=True)
    options.page.write_text(page(cases, results), encoding="utf-8")
    return int(any(result.verdict == "outside tolerance" for result in results))


def read_cases(path: Path) -> list[Case]:
    """The cases of hls4ml's file, one for each row."""
    rows = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return [Case(row["source"].rpartition("::")[2], row["model"], row["criterion"]) for row in rows]


def page(cases: list[Case], results: list[Result]) -> str:
    """The page: how many came out how, then one row for each case."""
    counts = Counter(result.verdict for result in results)
    total = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    rows = [
        f"| {number} | `{case.test}` | {_cell(case.model)} | {_cell(case.criterion)} | **{result.verdict}**: "
        f"{_cell(result.note.partition('; supported:')[0])} |"
        for number, (case, result) in enumerate(zip(cases, results, strict=True), start=1)
    ]
    head = ["| | hls4ml's test | model | asked of hls4ml | hwgen |", "| --- | --- | --- | --- | --- |"]
    return f"{_HEAD}{len(cases)} cases: {total}.\n\n" + "\n".join([*head, *rows]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    sys.exit(main())
