"""``VerifyReport``: the verdict on a project, for people and as ``verify.json``."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hwgen.errors import ProjectError
from hwgen.verify.certificate import StepChecks
from hwgen.verify.coverage import LayerCoverage, WordCoverage
from hwgen.verify.mismatch import Mismatch
from hwgen.verify.project_files import FileChange
from hwgen.verify.vectors import VectorGroup, VectorKind

REPORT_FILE = "verify.json"
FORMAT = 1

FEW_SAMPLES = 100  # below it, a summary says that equality proves little


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of wall clock; never part of ``verify.json``.

    Attributes:
        compile_s: until the library was there.
        vectors_s: making vectors and their expected outputs; it overlaps with compiling.
        run_s: running the compiled project, start of its process included.
        from_cache: whether the library was compiled by an earlier run.
    """

    compile_s: float
    vectors_s: float
    run_s: float
    from_cache: bool


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Whether a project computes exactly its network, on which vectors, and what is wrong if not.

    Attributes:
        network: its name.
        equal: every output code of every sample equals the reference's.
        samples: how many were run.
        codes: output codes compared.
        mismatches: output codes that differ.
        mismatched_samples: samples with at least one of them.
        mismatch: the first, explained; None where equal.
        compiler: name and version.
        pristine: whether the ap_types headers were used as they are, without the patch that makes them fast.
        seed: of the vectors.
        groups: kinds of vectors, in order.
        coverage: what they exercised in each quantizing layer.
        changes: files that are not as hwgen wrote them.
        project_sha256: of network and sources.
        timing: not compared and not written.
        steps: what was checked of step functions, at every threshold.
        words: what the vectors brought words to; None without any.
    """

    network: str
    equal: bool
    samples: int
    codes: int
    mismatches: int
    mismatched_samples: int
    mismatch: Mismatch | None
    compiler: str
    pristine: bool
    seed: int
    groups: tuple[VectorGroup, ...]
    coverage: tuple[LayerCoverage, ...]
    changes: tuple[FileChange, ...]
    project_sha256: str
    timing: Timing = field(compare=False)
    steps: StepChecks = field(default=StepChecks(0, 0), kw_only=True)
    words: WordCoverage | None = field(default=None, kw_only=True)

    @property
    def exit_code(self) -> int:
        """What the command line returns: 0 for equal, 1 for a mismatch."""
        return 0 if self.equal else 1

    @property
    def file_name(self) -> str:
        """Of the report, in the project's folder."""
        return REPORT_FILE

    def to_json(self) -> str:
        """Everything but the timing: the same project, vectors and compiler give the same bytes."""
        document = {
            "format": FORMAT,
            "network": self.network,
            "equal": self.equal,
            "samples": self.samples,
            "codes": self.codes,
            "mismatches": self.mismatches,
            "mismatched_samples": self.mismatched_samples,
            "mismatch": self.mismatch.document() if self.mismatch is not None else None,
            "compiler": self.compiler,
            "pristine": self.pristine,
            "seed": self.seed,
            "vectors": [{"kind": group.kind.value, "samples": group.samples} for group in self.groups],
            "coverage": [
                {
                    "layer": c.layer,
                    "kind": c.kind,
                    "edges": {"hit": c.edges.hit, "possible": c.edges.possible},
                    "ties": {"hit": c.ties.hit, "possible": c.ties.possible},
                    "ends": {"hit": c.ends.hit, "possible": c.ends.possible},
                }
                for c in self.coverage
            ],
            "words": None if self.words is None else asdict(self.words),
            "step_functions": {"forms": self.steps.forms, "codes": self.steps.codes},
            "changes": [{"path": change.path, "change": change.change.value} for change in self.changes],
            "project_sha256": self.project_sha256,
        }
        return json.dumps(document, indent=2) + "\n"

    def write_report(self, directory: Path) -> Path:
        """Write ``to_json`` into a folder as ``file_name``, whole or not at all; the file's path.

        Raises:
            ProjectError: the file system refuses.
        """
        target = Path(directory) / self.file_name
        try:
            self._write(target)
        except OSError as error:
            raise ProjectError(f"the report could not be written to {target}: {error}.") from error
        return target

    def _write(self, target: Path) -> None:
        handle, temporary = tempfile.mkstemp(prefix=".verify-", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self.to_json())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(target)
        finally:
            Path(temporary).unlink(missing_ok=True)

    def summary(self) -> str:
        """The verdict in a few lines."""
        lines = [self._verdict()]
        if self.equal and self.samples < FEW_SAMPLES and not self._every:
            lines.append(f"So few samples prove little: verify with {FEW_SAMPLES} or more.")
        if self.steps.forms:
            lines.append(
                f"Forms of step functions checked at every threshold: {self.steps.forms}, at {self.steps.codes} codes."
            )
        if self.words is not None:
            lines.append(str(self.words))
        if self.changes:
            changed = ", ".join(f"{change.path} ({change.change.value})" for change in self.changes)
            lines.append(
                f"The files were changed since hwgen wrote them; the verdict is on them as they are: {changed}."
            )
        if self.mismatch is not None:
            lines.append(str(self.mismatch))
        return "\n".join(lines)

    @property
    def _every(self) -> bool:
        """Whether every possible input was run, which proves everything, however few they are."""
        return any(group.kind is VectorKind.EVERY for group in self.groups)

    def _verdict(self) -> str:
        with_what = f"{self.compiler}{', original ap_types headers' if self.pristine else ''}"
        if self.equal:
            which = "sample" if self.samples == 1 else "samples"
            if self._every:
                which += ", every input there is"
            return f"{self.network}: equal. {self.samples} {which}, {self.codes} output codes, every bit ({with_what})."
        return (
            f"{self.network}: NOT equal. {self.mismatches} of {self.codes} output codes differ, in "
            f"{self.mismatched_samples} of {self.samples} samples ({with_what})."
        )
