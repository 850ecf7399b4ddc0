#!/bin/sh
# Each patch that breaks a rule on purpose (docs/testing.md) still applies, and says in its first line what it breaks.
set -eu
cd "$(dirname "$0")/../.."

rotten=0
for patch in testkit/tests/simulation/planted/*.patch; do
    if head -n 1 "$patch" | grep -q '^---'; then
        echo "planted: $patch has no first line that says what is broken" >&2
        rotten=1
    fi
    git apply --check "$patch" || rotten=1
done
exit "$rotten"
