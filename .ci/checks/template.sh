#!/usr/bin/env bash
# The templates pass cfn-lint, and template.yml `sam validate --lint` and the control plane. Offline, once the linters are there.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
.ci/checks/venv.sh "$target/lint-venv" tools/lint-requirements.txt
# For expanded.sh, which has to wait for the tests.
.ci/checks/venv.sh "$target/checkov-venv" tools/checkov-requirements.txt

"$target/lint-venv/bin/cfn-lint" template.yml docs/consume/template.yml api/template.yml
.ci/checks/sam.sh validate --lint --language-extensions --template template.yml
.ci/checks/control-plane.sh
