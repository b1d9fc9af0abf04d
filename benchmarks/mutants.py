"""How many of hundreds of faults in generated Verilog and C++ ``hwgen verify`` catches: ``make mutants``.

It needs the tests' oracles: PYTHONPATH=tests. It ends with status 1 where a fault was missed that is not proven to
change nothing.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from oracle.mutant_campaign import Campaign, Language, Outcome, Result, cases, drawn, table

from hwgen.verify.run import DEFAULT_SAMPLES

SHARES = {Language.VERILOG: 0.46, Language.STREAM: 0.16, Language.AXIS: 0.08, Language.CPP: 0.3}


def main() -> int:
    """Draw mutants, verify each, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="mutants, of Verilog, streams, wrappers, C++")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of mutants")
    parser.add_argument("--samples", type=int, default=DEFAULT_SAMPLES, help="vectors for each, as in hwgen verify")
    options = parser.parse_args()
    start = time.perf_counter()
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="hwgen-mutants-") as folder:
        campaign = Campaign(Path(folder), options.samples)
        for language, share in SHARES.items():
            for case, mutant in drawn(cases(language), round(options.count * share), options.seed):
                result = campaign.run(case, mutant)
                results.append(result)
                note = f" ({result.note})" if result.note else ""
                print(
                    f"{len(results):4} {language.value} {case.name}: {result.outcome.value}{note}: {mutant}", flush=True
                )
    print(f"\n{table(results)}")
    print(f"\n{len(results)} mutants, {options.samples} samples each, in {time.perf_counter() - start:.0f} s.")
    return int(any(result.outcome is Outcome.MISSED for result in results))


if __name__ == "__main__":
    sys.exit(main())
