#!/usr/bin/env bash
# Licences, sources, bans and duplicates of the dependency tree, by cargo-deny (deny.toml); dependencies that nothing uses,
# by cargo-machete.
set -euo pipefail
cd "$(dirname "$0")/../.."

root=${CARGO_TARGET_DIR:-target}/tools

# Installs a tool of this version, unless it is there.
tool() {
    local name=$1 version=$2
    [ "$("$root/bin/$name" --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+')" != "$version" ] || return 0
    echo "installing $name $version"
    # A tool that runs for a second is not worth optimizing.
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_TARGET_DIR=$root/build cargo install --quiet --locked --version "$version" --root "$root" "$name"
}

tool cargo-machete 0.9.1
"$root/bin/cargo-machete" --with-metadata .

tool cargo-deny 0.20.2
"$root/bin/cargo-deny" --workspace check --hide-inclusion-graph bans licenses sources
# Advisories need a copy of the RustSec database, which is a git repository and not always within reach.
rm -f "$root/advisories-not-checked"
if "$root/bin/cargo-deny" fetch db 2>/dev/null; then
    "$root/bin/cargo-deny" --workspace check --hide-inclusion-graph advisories
else
    touch "$root/advisories-not-checked"
fi
