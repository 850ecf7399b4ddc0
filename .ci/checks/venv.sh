#!/usr/bin/env bash
# Makes a Python environment of pinned and hashed packages, unless it is there.
# Usage: venv.sh <directory> <requirements>
set -euo pipefail

environment=$1 requirements=$2
stamp=$environment/requirements.sha256
digest=$(sha256sum <"$requirements")

# A half-made environment has no stamp.
if [[ $(cat "$stamp" 2>/dev/null) != "$digest" ]]; then
    rm -rf "$environment"
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement "$requirements"
    printf '%s\n' "$digest" >"$stamp"
fi
