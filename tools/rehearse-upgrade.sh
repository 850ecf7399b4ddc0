#!/usr/bin/env bash
# Rehearses an upgrade from one commit of this repository to another, a rollback, and the upgrade again, on a local stack
# (`local/examples/rehearsal.rs`). By hand: it builds both commits.
#
# usage: tools/rehearse-upgrade.sh OLDER [NEWER]     NEWER is HEAD if it is left out
set -euo pipefail
cd "$(dirname "$0")/.."

older=$(git rev-parse --verify "${1:?usage: tools/rehearse-upgrade.sh OLDER [NEWER]}^{commit}")
newer=$(git rev-parse --verify "${2:-HEAD}^{commit}")
work=$PWD/target/rehearsal
checkout() {
    if [[ ! -d $work/$1 ]]; then
        git clone --quiet --no-checkout . "$work/$1"
    fi
    git -C "$work/$1" fetch --quiet origin "$2"
    git -C "$work/$1" checkout --quiet --detach "$2"
}
mkdir -p "$work"
checkout older "$older"
checkout newer "$newer"
cargo run --quiet --locked --package local --example rehearsal -- "$work/older" "$work/newer"
