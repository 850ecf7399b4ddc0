#!/usr/bin/env bash
# The expanded template passes checkov, which sees no client's queue in template.yml itself. `cargo test --package local
# --test e2e expanded` writes it. Offline, once checkov is there.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
expanded=$target/local/expanded.json
if [[ ! -s $expanded ]]; then
    echo "expanded: \`$expanded\` is not there; run \`cargo test --package local --test e2e expanded\`" >&2
    exit 1
fi
.ci/checks/venv.sh "$target/checkov-venv" tools/checkov-requirements.txt
"$target/checkov-venv/bin/checkov" --config-file tools/checkov.yml --file "$expanded"
