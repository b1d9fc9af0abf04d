#!/bin/sh
# Prints the path of a Python that can run hwgen: 3.11, 3.12 or 3.13, with venv and pip.
#
#   find_python.sh [3.11|3.12|3.13]
#
# The variable PYTHON, if set, is the only candidate. Otherwise: python3.13, python3.12, python3.11 and python3 on the
# PATH, then pyenv's versions, newest first. A command that exists may still not run (a pyenv shim, for example), so each
# candidate is run before it is chosen.
set -eu

wanted="${1:-}"

# Prints the interpreter's real path, or fails.
usable() {
    WANTED="$wanted" "$1" -c '
import os, sys
version = "%d.%d" % sys.version_info[:2]
assert version in ("3.11", "3.12", "3.13") and os.environ["WANTED"] in ("", version)
import ensurepip, venv
print(sys.executable)
' 2>/dev/null
}

if [ -n "${PYTHON:-}" ]; then
    usable "$PYTHON" && exit 0
    said="nothing, for it is no command"
    if command -v "$PYTHON" >/dev/null 2>&1; then
        said=$("$PYTHON" --version 2>&1 | head -n 1) || true
    fi
    echo "PYTHON=$PYTHON does not suit: Python 3.11, 3.12 or 3.13 with the modules venv and ensurepip is needed," \
        "and it answers: ${said:-nothing}." >&2
    exit 1
fi

for minor in 13 12 11; do
    usable "python3.$minor" && exit 0
done
usable python3 && exit 0
for minor in 13 12 11; do
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$minor".*/bin/python; do
        usable "$candidate" && exit 0
    done
done

echo "No Python ${wanted:-3.11, 3.12 or 3.13} with the modules venv and ensurepip was found. Install one (Debian 12:" \
    "apt-get install python3-venv), or say where it is: make PYTHON=/path/to/python3.12" >&2
exit 1
