#!/usr/bin/env bash
# Each crate compiles by itself: it declares what it uses, and does not need features that only another crate turns on.
set -euo pipefail
cd "$(dirname "$0")/../.."

# In a folder of its own: it runs beside what the other checks build.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/by-itself
for manifest in */Cargo.toml; do
    crate=${manifest%/Cargo.toml}
    echo "$crate"
    cargo check --quiet --locked --lib --bins --package "$crate"
done
