"""The ap_types headers (Apache-2.0) of the installed hls4ml, copied into each project so that it stands alone."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from hwgen.errors import ToolMissingError

_FOLDER = Path("templates", "vivado", "ap_types")


@cache
def ap_types_files() -> tuple[tuple[str, bytes], ...]:
    """(path below ``ap_types/``, content) of every header.

    Raises:
        ToolMissingError: hls4ml is not installed, or has no such folder.
    """
    spec = find_spec("hls4ml")  # finds the package without the seconds that importing it takes
    if spec is None or spec.origin is None:
        raise ToolMissingError(
            "the ap_fixed headers come with hls4ml, which is not installed; pip install 'hls4ml>=1.3'."
        )
    folder = Path(spec.origin).parent / _FOLDER
    files = tuple((path.relative_to(folder).as_posix(), path.read_bytes()) for path in sorted(folder.rglob("*.h")))
    if not any(name == "ap_fixed.h" for name, _ in files):
        raise ToolMissingError(
            f"the installed hls4ml has no {(_FOLDER / 'ap_fixed.h').as_posix()}; hwgen needs hls4ml 1.3, "
            f"pip install 'hls4ml>=1.3,<1.4'."
        )
    return files
