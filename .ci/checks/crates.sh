#!/usr/bin/env bash
# Each crate compiles by itself: it declares what it uses, and does not need features that only another crate turns on.
set -euo pipefail
cd "$(dirname "$0")/../.."

for manifest in */Cargo.toml; do
    crate=${manifest%/Cargo.toml}
    echo "$crate"
    cargo check --quiet --locked --lib --bins --package "$crate"
done
