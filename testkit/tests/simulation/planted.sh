#!/usr/bin/env bash
# Breaks the code on purpose, one rule at a time, in a copy, and shows how soon the simulator notices. The copy and its
# build stay in the directory WORK. A patch with which the code does not compile is named, and the others go on.
#
# usage: [SEEDS=2000] [WORK=target/planted] testkit/tests/simulation/planted.sh [name…]
set -euo pipefail
cd "$(dirname "$0")/../../.."

here=testkit/tests/simulation/planted
seeds=${SEEDS:-2000}
mkdir -p "${WORK:-target/planted}/copy"
work=$(cd "${WORK:-target/planted}" && pwd)
# The copied files get new times: they must be newer than a build that an aborted run left.
tar cf - --exclude=./target --exclude=./.git . | tar xmf - -C "$work/copy"

patches=()
for name in "$@"; do patches+=("$work/copy/$here/$name.patch"); done
[[ $# -gt 0 ]] || patches=("$work/copy/$here"/*.patch)

cd "$work/copy"
export CARGO_TARGET_DIR=$work/target CARGO_TERM_COLOR=never
# Each patch needs a build of its own, which is never debugged.
export CARGO_PROFILE_DEV_DEBUG=0
rm -f fanout/src/main.rs catchup/src/main.rs
unset SEED FIRST_SEED

build() {
    cargo test --quiet --no-run -p testkit --test simulation >&2
}

# Prints the simulator's output.
simulate() {
    SEEDS=$seeds KEEP_GOING=1 cargo test --quiet -p testkit --test simulation 2>/dev/null || true
}

# The violations of the simulator's output: how many schedules, the first seed, and what was wrong.
summary() {
    awk -F ' × |; first seed |: ' '
        / schedules, / { ran = 1 }
        / × / { all += $1; if (!first || $3 + 0 < first) first = $3 + 0; kinds = kinds (kinds ? ", " : "") $2 " " $1 + 0 }
        END { if (!ran) exit 1; if (all) printf "%d | %d | %s\n", all, first, kinds; else print "0 | – | not found" }'
}

echo "| broken rule | of $seeds schedules | first seed | as |"
echo "| --- | --- | --- | --- |"
unbuilt=()
for patch in "${patches[@]}"; do
    broken=$(head -n 1 "$patch")
    patch --quiet --strip 1 <"$patch"
    if build; then
        row=$(simulate | summary)
        echo "| $broken | $row |"
    else
        unbuilt+=("${patch##*/}")
    fi
    patch --quiet --strip 1 --reverse <"$patch"
done
[[ ${#unbuilt[@]} -eq 0 ]] || { echo "do not compile: ${unbuilt[*]}" >&2 && exit 1; }
