#!/bin/sh
# Makes .venv: a virtual environment in the checkout with hwgen (editable) and everything that its demo and tests need.
# `make` runs it whenever pyproject.toml is newer than .venv/ready; the variable PYTHON chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."

ready=.venv/ready
log=.venv/setup.log
heartbeat=20 # seconds between signs of life

version_of() { "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null || true; }

# An environment that runs is kept; PYTHON, if set, must name the same version.
present=$(version_of .venv/bin/python)
if [ -n "$present" ] && { [ -z "${PYTHON:-}" ] || [ "$(version_of "$PYTHON")" = "$present" ]; }; then
    if [ -f "$ready" ] && [ ! pyproject.toml -nt "$ready" ]; then
        exit 0
    fi
    echo "set-up 1/3: keeping .venv (Python $present)"
else
    python=$(sh scripts/find_python.sh)
    echo "set-up 1/3: making .venv with Python $(version_of "$python") ($python)"
    rm -rf .venv
    "$python" -m venv .venv
fi
rm -f "$ready"

echo "set-up 2/3: installing hwgen, TensorFlow and the test tools; minutes the first time (about 2.5 GB, log: $log)"
started=$(date +%s)
.venv/bin/python -m pip install --disable-pip-version-check --progress-bar off -e '.[train,dev]' >"$log" 2>&1 </dev/null &
pip=$!
trap 'kill $pip 2>/dev/null || true' INT TERM
next=$heartbeat
while kill -0 "$pip" 2>/dev/null; do
    sleep 1
    elapsed=$(($(date +%s) - started))
    if [ "$elapsed" -ge "$next" ]; then
        doing=$(grep -E '^ *(Collecting|Downloading|Building|Installing)' "$log" | tail -n 1 |
            sed -e 's/^ *//' -e 's/^Installing collected packages.*/Unpacking the packages/' | cut -c 1-70) || true
        echo "            $elapsed s: ${doing:-starting pip}"
        next=$((elapsed + heartbeat))
    fi
done
if ! wait "$pip"; then
    tail -n 20 "$log" >&2
    echo "set-up failed: pip could not install hwgen's dependencies; its last lines are above, all of them in $log." >&2
    exit 1
fi

echo "set-up 3/3: checking the installed versions against each other"
if ! .venv/bin/python -m pip check >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "set-up failed: installed packages contradict each other, as listed above." >&2
    exit 1
fi
touch "$ready"
echo "set-up done in $(($(date +%s) - started)) s"
