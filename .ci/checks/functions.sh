#!/usr/bin/env bash
# Each function's package compiles by itself: it declares what it uses, and does not need features that only another crate turns
# on. The tests and `sam build`, which need the release binaries, take these.
set -euo pipefail
cd "$(dirname "$0")/../.."

for package in converter fanout catchup push api; do
    cargo build --locked --release --bins --package "$package"
done
