"""Simulates a Verilog project with cocotb and Icarus Verilog, through its AXI4-Stream wrapper.

You need hwgen, Icarus Verilog (``iverilog`` and ``vvp`` on PATH) and cocotb 2 (``pip install 'cocotb>=2,<3'``).

    hwgen build model.h5 --input-type 'fixed<8,3>' -o my_rtl --target rtl
    python examples/cocotb/run.py my_rtl                    # vectors that hwgen makes
    python examples/cocotb/run.py my_rtl --data x.npy       # your own data, (samples, *shape); one file an input
    python examples/cocotb/run.py my_rtl --waves            # and a waveform, my_rtl_axis.fst, in sim_build/

The tests are in ``axis_stream.py``: codes go in with random gaps, the receiver stalls at random, and each output code
is compared with hwgen's reference. Copy that file as a start for your own; nothing in it is made for one network.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

HERE = Path(__file__).resolve().parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile, simulate, compare; 0 if every test passed, 1 if not."""
    parser = argparse.ArgumentParser(description="Drive a Verilog project of hwgen's from cocotb.")
    parser.add_argument("project", type=Path, help="folder that hwgen build --target rtl wrote")
    parser.add_argument("--samples", type=int, default=200, help="vectors that hwgen makes (%(default)s)")
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="real data (.npy) instead, one file an input")
    parser.add_argument("--seed", type=int, default=1, help="of vectors, gaps and stalls (%(default)s)")
    parser.add_argument("--build-dir", type=Path, default=Path("sim_build"), help="where to compile (%(default)s)")
    parser.add_argument("--waves", action="store_true", help="write a waveform as well")
    options = parser.parse_args(arguments)
    project = options.project.resolve()
    document = json.loads((project / "project.json").read_text(encoding="utf-8"))
    if document.get("target") != "rtl":
        parser.error(f"{options.project} holds no Verilog; build it with 'hwgen build --target rtl'.")
    runner = get_runner("icarus")
    runner.build(
        sources=[project / source for source in document["sources"]],
        hdl_toplevel=document["axis"],
        build_dir=options.build_dir,
        timescale=("1ns", "1ps"),
        waves=options.waves,
        always=True,  # the project may be another one than last time
    )
    given = {
        "HWGEN_PROJECT": str(project),
        "HWGEN_SAMPLES": str(options.samples),
        "HWGEN_DATA": os.pathsep.join(str(path.resolve()) for path in options.data),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])),
    }
    # Where pytest is seen at work, cocotb ends this process, with 0 even if the simulation broke off before any test.
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    results = runner.test(
        test_module="axis_stream",
        hdl_toplevel=document["axis"],
        build_dir=options.build_dir,
        seed=options.seed,
        extra_env=given,
        waves=options.waves,
    )
    tests, failed = get_results(results)
    print(f"{document['axis']}: {tests - failed} of {tests} tests passed")
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
