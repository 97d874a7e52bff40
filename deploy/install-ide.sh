#!/bin/sh
# Makes .venv-ide, the editor of environments on this machine, and gets what isolates them. Run by `make setup` behind
# install.sh, whose uv it takes. Without the second it ends well: environments then run without isolation.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "setup: $*" >&2
    exit 1
}

install_editor() {
    echo "setup: installing JupyterLab into .venv-ide" >&2
    rm -rf .venv-ide
    .venv/bin/python -m venv --without-pip .venv-ide || fail ".venv/bin/python -m venv .venv-ide failed; see above"
    # The lock is complete, but for what ide-overrides.txt leaves out. As in install.sh pip does what uv cannot.
    .venv/bin/uv pip install --quiet --python .venv-ide/bin/python --compile-bytecode --no-deps --require-hashes \
        -r deploy/ide.lock 2>/dev/null ||
        .venv/bin/pip --python .venv-ide/bin/python install --quiet --disable-pip-version-check --no-deps \
            --require-hashes -r deploy/ide.lock ||
        fail "the packages of deploy/ide.lock could not be installed; is a package index reachable?"
}

install_bubblewrap() {
    command -v bwrap >/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get install -y --no-install-recommends bubblewrap >/dev/null 2>&1 && return
        apt-get update >/dev/null 2>&1 &&
            apt-get install -y --no-install-recommends bubblewrap >/dev/null 2>&1 && return
    fi
    echo "setup: there is no bubblewrap, so environments on this machine would not be isolated from it;" \
        "as root on Debian: apt-get install bubblewrap" >&2
}

install_editor
install_bubblewrap
