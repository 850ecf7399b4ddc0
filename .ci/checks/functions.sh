#!/usr/bin/env bash
# Each function's package is built by itself, as `sam build` and `fanoutctl deploy` build it: it declares what it uses, and does
# not need features that only another crate turns on.
set -euo pipefail
cd "$(dirname "$0")/../.."

for package in converter fanout catchup push api; do
    cargo build --locked --release --bins --package "$package"
done
