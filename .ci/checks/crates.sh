#!/usr/bin/env bash
# Each crate that is built by itself compiles so: it declares what it uses, and does not need features that only another crate
# turns on. The functions, and `aws` with them, are built so by `functions.sh`, the others with the whole workspace only.
set -euo pipefail
cd "$(dirname "$0")/../.."

for crate in shared consumer cli; do
    echo "$crate"
    cargo check --quiet --locked --lib --bins --package "$crate"
done
