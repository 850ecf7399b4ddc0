#!/usr/bin/env bash
# Each crate that is built by itself compiles so: it declares what it uses, and does not need features that only another crate
# turns on. The others are built with the whole workspace only, and `aws` with the functions.
set -euo pipefail
cd "$(dirname "$0")/../.."

for crate in shared converter fanout catchup push consumer cli api; do
    echo "$crate"
    cargo check --quiet --locked --lib --bins --package "$crate"
done
