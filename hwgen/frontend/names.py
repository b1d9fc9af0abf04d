"""Names of Keras layers as identifiers of C++, Verilog and Python: unique, recognisable."""

import re

from hwgen.ir.check import valid_identifier


class Names:
    """Hands out each identifier once."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def unique(self, name: str) -> str:
        """The name itself where it is free and valid; otherwise the nearest that is."""
        clean = re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]", "_", name)).strip("_")
        if not clean or not clean[0].isalpha():
            clean = f"layer_{clean}".rstrip("_")
        if not valid_identifier(clean):
            clean = f"{clean}_layer"
        candidate, number = clean, 2
        while candidate.lower() in self._used:  # some tools and file systems do not tell case apart
            candidate, number = f"{clean}_{number}", number + 1
        self._used.add(candidate.lower())
        return candidate
