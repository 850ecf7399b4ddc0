#!/bin/sh
# What the functions are made of: one HTTP client, one TLS; and a core without AWS, runtime or network.
set -eu
cd "$(dirname "$0")/../.."

crates() {
    cargo tree --locked --edges normal --prefix none --format '{p}' "$@" | cut -d ' ' -f 1,2 | sort -u
}

failed=0

functions=$(crates --package converter --package fanout)
for crate in hyper rustls; do
    versions=$(echo "$functions" | grep "^$crate v" || true)
    if [ "$(echo "$versions" | grep -c .)" -ne 1 ]; then
        echo "tree: the functions must have exactly one \`$crate\`, but have:" ${versions:-none} >&2
        failed=1
    fi
done

# The ledger's tables are the fan-out's affair: the client of DynamoDB would make the converter slower to start.
if crates --package converter | grep -q '^aws-sdk-dynamodb '; then
    echo "tree: \`converter\` must not depend on \`aws-sdk-dynamodb\`" >&2
    failed=1
fi

core=$(crates --package shared)
echo "$core" | grep -q '^shared v' || { echo "tree: \`shared\` is not in its own tree" >&2; failed=1; }
foreign=$(echo "$core" | grep -E '^(aws|lambda|tokio|hyper|http|rustls|tracing)' || true)
if [ -n "$foreign" ]; then
    echo "tree: \`shared\` without features must not depend on:" $foreign >&2
    failed=1
fi

exit "$failed"
