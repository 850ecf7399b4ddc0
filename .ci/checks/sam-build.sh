#!/usr/bin/env bash
# `sam build` makes what Lambda runs: per function, the release binary as `bootstrap`, and what it reads beside it.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Absolute, because `sam` builds in the directories of the functions.
target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_DIR=$target
failed=0
# Builds a template: a folder for each function.
build() {
    .ci/checks/sam.sh build --template "$1" --build-dir "$2" --cache-dir "$target/sam-cache"
    .ci/checks/sam.sh validate --lint --template "$2/template.yaml"
}
# A function's folder: what it holds, and the release binary that is its `bootstrap`.
holds() {
    local directory=$1 binary=$2 expected=$3 found
    cmp "$target/release/$binary" "$directory/bootstrap" || failed=1
    found=$(ls "$directory")
    if [[ $found != "$expected" ]]; then
        echo "sam build: \`$directory\` must hold:" $expected "but holds:" $found >&2
        failed=1
    fi
}

pipeline=$target/sam-build
build template.yml "$pipeline"
for function in ProcessDynamoDBStream:converter FanOut:fanout CatchUp:catchup PushHttp:push-http PushAws:push-aws; do
    holds "$pipeline/${function%:*}" "${function#*:}" $'bootstrap\nclient-queues.toml'
    cmp client-queues.toml "$pipeline/${function%:*}/client-queues.toml" || failed=1
done

companion=$target/sam-build-api
build api/template.yml "$companion"
for function in Api:api AppendEvents:api-events; do
    holds "$companion/${function%:*}" "${function#*:}" bootstrap
done
exit "$failed"
