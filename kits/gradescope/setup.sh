#!/usr/bin/env bash
# Gradescope runs this once, as root, while it builds the image. AUTOGRADER names another root, for trying the kit elsewhere.
set -euo pipefail
cd "${AUTOGRADER:-/autograder}/source"

# The address of PyTorch's builds for CPUs, which its install page shows for Linux, Pip and CPU, makes the image some gigabytes
# smaller: put it between the quotes. Empty takes what the package index offers.
torch_index="${TORCH_INDEX:-}"

usable() { "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

python=
for candidate in python3.14 python3.13 python3.12 python3.11 python3; do
    if usable "$candidate"; then python=$candidate && break; fi
done
if [ -z "$python" ]; then
    apt-get update -qq
    for version in 3.14 3.13 3.12 3.11; do
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "python$version" "python$version-venv" || continue
        if usable "python$version"; then python=python$version && break; fi
    done
fi
if [ -z "$python" ]; then
    echo "no Python 3.11 or newer can be installed here; choose a newer base image" >&2
    exit 1
fi

[ -x ../venv/bin/python ] || "$python" -m venv ../venv
wheel=$(echo prunegrade-*.whl)
pip() { ../venv/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check -c constraints.txt "$@"; }
pip ${torch_index:+--index-url "$torch_index"} torch
pip "$wheel[packages]"

chmod -R go-rwx . # what lies here is nobody's but the grader's
# Proves that it works here, and makes the public data once.
../venv/bin/prunegrade check template/prune.py --rubric rubric.yaml --device cpu
