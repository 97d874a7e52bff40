#!/bin/sh
# Makes .venv and installs the locked environment into it. Run by `make setup`; needs Python 3.11 or newer and no root.
# Ends with one line that says what to do when a step cannot be done.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "setup: $*" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if command -v "$candidate" >/dev/null && new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    found=$( (command -v "${PYTHON:-python3}" >/dev/null && "${PYTHON:-python3}" --version 2>&1) || echo none)
    fail "Python 3.11 or newer is needed, found: $found. Install one, or name it: make setup PYTHON=/path/to/python3"
}

make_venv() {
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python cannot make virtual environments. As root on Debian: apt-get install python3-venv"
    rm -rf .venv
    "$python" -m venv .venv || fail "$python -m venv .venv failed; see above"
}

install_locked() {
    # uv is about ten times as fast; pip does the same where uv does not run.
    if .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r deploy/installer.lock 2>/dev/null &&
        .venv/bin/uv pip install --quiet --python .venv/bin/python --compile-bytecode --require-hashes \
            -r deploy/requirements.lock 2>/dev/null; then
        return
    fi
    echo "setup: uv could not install the environment, trying pip" >&2
    .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r deploy/requirements.lock ||
        fail "the packages of deploy/requirements.lock could not be installed; is a package index reachable?"
}

install_project() {
    # The build backend comes from the lock, so nothing unpinned is fetched.
    .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable . ||
        fail "the project itself could not be installed; \`make clean setup\` starts afresh"
}

# Where the environment forbids Python to keep what it has compiled, each process would compile everything anew.
compile_project() {
    .venv/bin/python -m compileall -q -j 0 server gateway workers generated/python
}

new_enough .venv/bin/python || make_venv
echo "setup: installing the locked environment into .venv" >&2
install_locked
install_project
compile_project
