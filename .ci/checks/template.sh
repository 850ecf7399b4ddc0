#!/usr/bin/env bash
# template.yml passes cfn-lint and `sam validate --lint`. Offline, once the linters are there.
set -euo pipefail
cd "$(dirname "$0")/../.."

requirements=tools/lint-requirements.txt
environment=${CARGO_TARGET_DIR:-target}/lint-venv
stamp=$environment/requirements.sha256
digest=$(sha256sum "$requirements")

if [[ $(cat "$stamp" 2>/dev/null) != "$digest" ]]; then
    # A half-made environment has no stamp.
    rm -rf "$environment"
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement "$requirements"
    printf '%s\n' "$digest" >"$stamp"
fi

# `sam` asks for a region and credentials, but calls nobody.
export AWS_DEFAULT_REGION=eu-west-2 AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none
# It would tell its maker, and look for a newer version unless it did so lately.
export SAM_CLI_TELEMETRY=0 __SAM_CLI_APP_DIR=$environment/sam
mkdir -p "$environment/sam"
printf '{"lastVersionCheck": %s, "telemetryEnabled": false}\n' "$(date +%s)" >"$environment/sam/metadata.json"

"$environment/bin/cfn-lint" template.yml
"$environment/bin/sam" validate --lint --language-extensions --template template.yml
