#!/usr/bin/env bash
# Who may do what in the deployed stacks, as a simulator of IAM decides it (tools/rights/matrix.mjs and api.mjs). Needs
# control-plane.sh before, which writes the templates that it reads; offline, once the simulator is there.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$(realpath "${CARGO_TARGET_DIR:-target}")
template="$target/control-plane/every option.json"
api="$target/control-plane/api/every option.json"
for expanded in "$template" "$api"; do
    if [[ ! -s $expanded ]]; then
        echo "rights: \`$expanded\` is not there; run .ci/checks/control-plane.sh" >&2
        exit 1
    fi
done
mkdir -p "$target/rights"
cp tools/rights/* "$target/rights/"
npm ci --prefix "$target/rights" --ignore-scripts --no-audit --no-fund --silent
node "$target/rights/check.mjs" "$template" "$api" cli/src/policy $(find aws/src -name '*.rs' -not -path '*/operator*')
