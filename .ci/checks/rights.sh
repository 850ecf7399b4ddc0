#!/usr/bin/env bash
# Who may do what in the deployed stack, as a simulator of IAM decides it (tools/rights/matrix.mjs). Needs
# control-plane.sh and `cargo test --package cli` before, which write what it reads; offline, once the simulator is there.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$(realpath "${CARGO_TARGET_DIR:-target}")
template="$target/control-plane/every option.json" policies=$target/local/policies.json
for file in "$template" "$policies"; do
    if [[ ! -s $file ]]; then
        echo "rights: \`$file\` is not there; run .ci/checks/control-plane.sh and \`cargo test --package cli\`" >&2
        exit 1
    fi
done
mkdir -p "$target/rights"
cp tools/rights/* "$target/rights/"
npm ci --prefix "$target/rights" --ignore-scripts --no-audit --no-fund --silent
node "$target/rights/check.mjs" "$template" "$policies" $(find aws/src -name '*.rs' -not -path '*/operator*')
