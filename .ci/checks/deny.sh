#!/usr/bin/env bash
# Licences, sources, bans and duplicates of the dependency tree, by cargo-deny (deny.toml).
set -euo pipefail
cd "$(dirname "$0")/../.."

version=0.20.2
root=${CARGO_TARGET_DIR:-target}/tools
deny=$root/bin/cargo-deny

if [ "$("$deny" --version 2>/dev/null)" != "cargo-deny $version" ]; then
    echo "installing cargo-deny $version"
    # A tool that runs for a second is not worth optimizing.
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_TARGET_DIR=$root/build cargo install --quiet --locked --version "$version" --root "$root" cargo-deny
fi

"$deny" --workspace check --hide-inclusion-graph bans licenses sources
# Advisories need a copy of the RustSec database, which is a git repository and not always within reach.
if "$deny" fetch db 2>/dev/null; then
    "$deny" --workspace check --hide-inclusion-graph advisories
else
    echo "the advisory database is out of reach: advisories not checked"
fi
