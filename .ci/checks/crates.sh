#!/usr/bin/env bash
# Each crate compiles by itself: it declares what it uses, and does not need features that only another crate turns on.
set -euo pipefail
cd "$(dirname "$0")/../.."

# With other features than the workspace, in a folder of its own: the tests build functions meanwhile, and would wait for
# the lock.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/crates"

for manifest in */Cargo.toml; do
    crate=${manifest%/Cargo.toml}
    echo "$crate"
    cargo check --quiet --locked --lib --bins --package "$crate"
done
