#!/usr/bin/env bash
# The SAM CLI, as `sam`, without telemetry. Usage: sam.sh <arguments of sam>
set -euo pipefail
cd "$(dirname "$0")/../.."

environment=${CARGO_TARGET_DIR:-target}/lint-venv
.ci/checks/venv.sh "$environment" tools/lint-requirements.txt

# It wants a region and credentials, although it calls no service.
export AWS_DEFAULT_REGION=eu-west-2 AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none
# Without these it would send telemetry, and look for a newer version unless it did so lately.
export SAM_CLI_TELEMETRY=0 __SAM_CLI_APP_DIR=$environment/sam
mkdir -p "$environment/sam"
printf '{"lastVersionCheck": %s, "telemetryEnabled": false}\n' "$(date +%s)" >"$environment/sam/metadata.json"

exec "$environment/bin/sam" "$@"
