#!/usr/bin/env bash
# The templates as CloudFormation's control plane reads them (tools/control_plane.py). Offline, once the linters are there.
set -euo pipefail
cd "$(dirname "$0")/../.."

environment=${CARGO_TARGET_DIR:-target}/lint-venv
.ci/checks/venv.sh "$environment" tools/lint-requirements.txt
"$environment/bin/python" tools/control_plane.py --write "${CARGO_TARGET_DIR:-target}/control-plane" "$@"
