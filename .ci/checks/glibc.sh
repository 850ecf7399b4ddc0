#!/bin/sh
# The release binaries run where `provided.al2023` does: they need no symbol newer than its glibc.
# Usage: glibc.sh [binary…]; without one, it builds and checks both functions.
set -eu
cd "$(dirname "$0")/../.."

# Amazon Linux 2023: glibc 2.34.
highest_allowed=2.34

if [ "$#" -eq 0 ]; then
    cargo build --locked --release --package converter --package fanout --bins
    release=${CARGO_TARGET_DIR:-target}/release
    set -- "$release/converter" "$release/fanout"
fi

failed=0
for binary in "$@"; do
    # `readelf` comes with the linker that Rust needs.
    versions=$(readelf --version-info --wide "$binary" | grep -o 'GLIBC_[0-9][0-9.]*' | cut -d _ -f 2 | sort -uV)
    highest=$(echo "$versions" | tail -n 1)
    if [ -z "$highest" ]; then
        echo "glibc: no version is required by \`$binary\`; is it a dynamically linked Linux binary?" >&2
        failed=1
    elif [ "$(printf '%s\n' "$highest" "$highest_allowed" | sort -V | tail -n 1)" != "$highest_allowed" ]; then
        echo "glibc: \`$binary\` requires $highest, but Lambda has $highest_allowed" >&2
        failed=1
    else
        echo "glibc: \`$binary\` requires $highest"
    fi
done
exit "$failed"
