#!/usr/bin/env bash
# Who may do what in the deployed stack, as a simulator of IAM decides it (tools/rights/matrix.mjs). Needs control-plane.sh
# before, which writes the template that it reads; offline, once the simulator is there.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$(realpath "${CARGO_TARGET_DIR:-target}")
template="$target/control-plane/every option.json"
if [[ ! -s $template ]]; then
    echo "rights: \`$template\` is not there; run .ci/checks/control-plane.sh" >&2
    exit 1
fi
mkdir -p "$target/rights"
cp tools/rights/* "$target/rights/"
npm ci --prefix "$target/rights" --ignore-scripts --no-audit --no-fund --silent
node "$target/rights/check.mjs" "$template" cli/src/policy $(find aws/src -name '*.rs' -not -path '*/operator*')
