#!/usr/bin/env bash
# Makes the virtual environment of the tests and benchmarks.
# usage: python-tools.sh FOLDER
#
# The current client and the oracle are installed as usual; the client of the 1.7 generation goes into a folder
# of its own (FOLDER/qdrant-client-1.7), because two versions of one package can't share an environment.
set -euo pipefail

venv=$1
here=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}

"$python" - <<'PY' || exit 1
import sys
if sys.version_info < (3, 11):
    sys.exit(f"python-tools: Python 3.11 or newer is needed, this is {sys.version.split()[0]}; set PYTHON=…")
PY

echo "python-tools: installing into $venv"
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install -q --disable-pip-version-check -r "$here/Tests/compatibility/requirements.txt"
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps \
    --target "$venv/qdrant-client-1.7" -r "$here/Tests/compatibility/requirements-1.7.txt"
touch "$venv/.ready"
