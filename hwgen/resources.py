"""Finds the data that ships with hwgen: ``templates/`` and ``rtl_sim/``, in a checkout or an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_folder(name: str) -> Path:
    """Return the folder ``name`` ("templates" or "rtl_sim").

    An installed wheel carries it in ``hwgen/_data/``; a checkout has it beside the package.

    Raises:
        FileNotFoundError: neither place has it, so the installation is broken.
    """
    for candidate in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(
        f"hwgen's data folder {name!r} is neither inside the package nor beside it; reinstall hwgen."
    )
