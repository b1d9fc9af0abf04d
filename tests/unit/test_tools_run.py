"""Running other programs: output kept, failures as sentences, nothing left behind."""

import sys
import time

import pytest

from hwgen.errors import ToolFailedError, ToolMissingError
from hwgen.tools import Command, run, run_all, run_unchecked


def python(code: str, purpose: str = "running a test program", timeout_s: float = 60.0) -> Command:
    return Command((sys.executable, "-I", "-S", "-c", code), purpose, timeout_s=timeout_s)


def test_a_command_that_succeeds_returns_its_output() -> None:
    finished = run(python("import sys; print('out'); print('err', file=sys.stderr)"))
    assert finished.status == 0
    assert sorted(finished.output.split()) == ["err", "out"]


def test_a_failure_names_purpose_status_first_error_last_lines_and_command() -> None:
    code = "import sys; print('a.cpp:1: error: first'); [print(k) for k in range(50)]; sys.exit(3)"
    with pytest.raises(ToolFailedError) as caught:
        run(python(code, "compiling a.cpp"))
    message = str(caught.value)
    assert message.startswith("compiling a.cpp: ")
    assert "failed with exit status 3: a.cpp:1: error: first." in message
    assert "The last 20 of its 51 lines:\n  30\n" in message
    assert message.splitlines()[-1].startswith("command: ")
    assert caught.value.exit_code == 3


def test_a_failure_without_output_says_so() -> None:
    with pytest.raises(ToolFailedError, match=r"failed with exit status 1\. It printed nothing\."):
        run(python("raise SystemExit(1)"))


def test_a_signal_is_named() -> None:
    with pytest.raises(ToolFailedError, match="was ended by SIGABRT"):
        run(python("import os; os.abort()"))


def test_a_failure_can_be_looked_at_instead() -> None:
    assert run_unchecked(python("raise SystemExit(7)")).status == 7


def test_a_missing_program_is_named() -> None:
    with pytest.raises(ToolMissingError, match="the program 'no-such-program-of-hwgen' cannot be run"):
        run(Command(("no-such-program-of-hwgen",), "testing"))


ENDLESS = """
import os
for line in range(1 << 40):
    os.write(1, b"%9d\\n" % line * 1000)
"""


def test_of_a_command_that_prints_without_end_little_is_kept() -> None:
    with pytest.raises(ToolFailedError, match=r"did not finish within 1 s.* The last 20 of its \d+ lines:\n +\d+\n"):
        run(python(ENDLESS, timeout_s=1.0))
    command = Command((sys.executable, "-I", "-S", "-c", ENDLESS), "reading an empty stream", most_printed=32 << 20)
    with pytest.raises(ToolFailedError) as caught:
        run(command)
    first = f"reading an empty stream: {sys.executable!r} printed more than 32 MiB and was stopped. The last 20 of its "
    assert str(caught.value).startswith(first)


def test_first_and_last_are_kept_of_much_output() -> None:
    output = run(python("import sys; sys.stdout.write('first' + 9_000_000 * 'x' + 'last')")).output
    assert output.startswith("first")
    assert output.endswith("last")
    assert "x\n[" in output
    assert " bytes left out]\nx" in output
    assert len(output) < 6_500_000


def test_a_command_out_of_time_is_stopped_with_its_children() -> None:
    start = time.perf_counter()
    with pytest.raises(ToolFailedError, match=r"did not finish within 0\.3 s and was stopped"):
        # The child keeps the output open: only its own end lets this call return.
        run(Command(("sh", "-c", "sleep 30 & wait"), "waiting", timeout_s=0.3))
    assert time.perf_counter() - start < 10


def test_many_commands_return_in_their_order() -> None:
    commands = [python(f"import time; time.sleep({0.2 - 0.1 * k}); print({k})") for k in range(3)]
    assert [finished.output.strip() for finished in run_all(commands, jobs=3)] == ["0", "1", "2"]


def test_progress_counts_to_the_number_of_commands() -> None:
    told: list[tuple[str, int, int]] = []
    run_all([python("", f"step {k}") for k in range(3)], jobs=1, progress=lambda *news: told.append(news))
    assert told == [("step 0", 0, 3), ("step 0", 1, 3), ("step 1", 2, 3), ("step 2", 3, 3)]


def test_the_first_failure_stops_the_others() -> None:
    start = time.perf_counter()
    with pytest.raises(ToolFailedError, match="exit status 5"):
        run_all([python("import time; time.sleep(30)"), python("raise SystemExit(5)"), python("")], jobs=2)
    assert time.perf_counter() - start < 10
