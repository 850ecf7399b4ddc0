#!/usr/bin/env bash
# The kits for consumers can be handed to a team: as crates, which compile without this workspace, and as a wheel.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
packages=$target/packages
rm -rf "$packages"
mkdir -p "$packages"
rm -f "$target"/package/*.crate

# Without a lock file in the package: cargo would resolve it among published crates, and `shared` is none.
cargo package --quiet --offline --locked --no-verify --exclude-lockfile --allow-dirty --package shared --package consumer
for crate in shared consumer; do
    mkdir "$packages/$crate"
    tar -xzf "$target/package/$crate"-*.crate --strip-components 1 -C "$packages/$crate"
done
# `--no-verify` compiles nothing, so this does, with the versions of the workspace. What tests need stays behind.
cat >"$packages/Cargo.toml" <<'TOML'
[workspace]
resolver = "3"
members = ["shared", "consumer"]

[patch.crates-io]
shared = { path = "shared" }
TOML
cp Cargo.lock "$packages/"
cargo check --quiet --offline --target-dir "$target" --manifest-path "$packages/Cargo.toml" --package consumer

.ci/checks/venv.sh "$target/lint-venv" tools/lint-requirements.txt
# A copy: the build leaves files beside the sources.
cp -r consumer/python "$packages/python"
"$target/lint-venv/bin/pip" wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index \
    --wheel-dir "$packages/wheels" "$packages/python"
"$target/lint-venv/bin/python" - "$packages"/wheels/*.whl <<'PYTHON'
import sys

sys.path.insert(0, sys.argv[1])
import mark_event_queue_consumer as kit

assert sys.argv[1] in kit.__file__, kit.__file__
kit.Consumer("Billing", store=None)
PYTHON
