#!/usr/bin/env bash
# `sam build` makes what Lambda runs: per function, the release binary as `bootstrap`, and client-queues.toml beside it.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Absolute, because `sam` builds in the directories of the functions.
target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_DIR=$target
artifacts=$target/sam-build
.ci/checks/sam.sh build --build-dir "$artifacts" --cache-dir "$target/sam-cache"
.ci/checks/sam.sh validate --lint --template "$artifacts/template.yaml"

failed=0
for function in ProcessDynamoDBStream:converter FanOut:fanout CatchUp:catchup PushHttp:push-http PushAws:push-aws; do
    directory=$artifacts/${function%:*}
    cmp "$target/release/${function#*:}" "$directory/bootstrap" || failed=1
    cmp client-queues.toml "$directory/client-queues.toml" || failed=1
    found=$(ls "$directory")
    if [[ $found != $'bootstrap\nclient-queues.toml' ]]; then
        echo "sam build: \`$directory\` must hold \`bootstrap\` and \`client-queues.toml\`, but holds:" $found >&2
        failed=1
    fi
done
exit "$failed"
