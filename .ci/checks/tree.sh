#!/bin/sh
# What the crates are made of: one HTTP client, one TLS; a core without AWS, runtime or network; one crate for the SDK.
set -eu
cd "$(dirname "$0")/../.."

failed=0
wrong() {
    echo "tree: $*" >&2
    failed=1
}

# The names and versions of the crates in a tree.
crates() {
    cargo tree --locked --prefix none --format '{p}' "$@" | cut -d ' ' -f 1,2 | sort -u
}

functions=$(crates --edges normal --package converter --package fanout --package catchup --package push --package api)
for crate in hyper rustls; do
    versions=$(echo "$functions" | grep "^$crate v" || true)
    if [ "$(echo "$versions" | grep -c .)" -ne 1 ]; then
        wrong "the functions must have exactly one \`$crate\`, but have:" ${versions:-none}
    fi
done

# The calls that only operators' tools make are behind the feature `operator` of `aws`.
foreign=$(echo "$functions" | grep -E '^aws-(config|sdk-)' | grep -vE '^aws-sdk-(dynamodb|sqs) ' || true)
[ -z "$foreign" ] || wrong "the functions must not depend on:" $foreign

# Only fan-out and catch-up use the tables: a client of DynamoDB would make the converter slower to start. The linker
# leaves out what is not called.
found=$(grep -rnE '\b(dynamodb::|tables\()' converter/src || true)
[ -z "$found" ] || wrong "\`converter\` must not use the tables:" "$found"

# Of `push`, only the binaries know a service; and the one that delivers inside of AWS has nothing that asks a URL or reads a
# secret.
found=$(grep -rnE '\b(aws|lambda_runtime)::' push/src --include='*.rs' --exclude-dir bin || true)
[ -z "$found" ] || wrong "the library \`push\` must know no service:" "$found"
found=$(grep -nEi '\b(web\(|web::|local_web|secrets?)\b' push/src/bin/push-aws.rs || true)
[ -z "$found" ] || wrong "\`push-aws\` must not ask URLs, nor read secrets:" "$found"

# `shared` is pure. That holds for what it is tested with, too: a test that needs a runtime belongs elsewhere.
impure='^(aws|lambda|tokio|async|hyper|http|rustls|rustix|serde_dynamo|reqwest)'
features=$(cargo metadata --locked --no-deps --format-version 1 | python3 -c '
import json, sys
print(*next(crate["features"] for crate in json.load(sys.stdin)["packages"] if crate["name"] == "shared"))')
[ -z "$features" ] || wrong "\`shared\` must have no features, but has: $features"
core=$(crates --edges normal --package shared)
tested=$(crates --edges normal,build,dev --all-features --package shared)
echo "$core" | grep -q '^shared v' || wrong "\`shared\` is not in its own tree"
foreign=$(echo "$core" | grep -E "$impure|^tracing" || true)
[ -z "$foreign" ] || wrong "\`shared\` must not depend on:" $foreign
foreign=$(echo "$tested" | grep -E "$impure" || true)
[ -z "$foreign" ] || wrong "\`shared\` must not be tested with:" $foreign

# Which crate may depend on which.
for function in converter fanout catchup push; do
    others=$(crates --edges normal --package "$function" | grep -E '^(converter|fanout|catchup|push|consumer|cli|deploy|local|api|testkit) v' |
        grep -v "^$function v" || true)
    [ -z "$others" ] || wrong "\`$function\` must not depend on:" $others
done
for crate in shared aws converter fanout catchup push consumer deploy cli local api; do
    testkit=$(crates --edges normal,build --package "$crate" | grep -E '^testkit v' || true)
    [ -z "$testkit" ] || wrong "only tests may depend on \`testkit\`, but \`$crate\` does, too"
done

# `cargo local` and the functions that it builds take what the tests compiled, and compile no crate a second time: with the
# features that only tests turn on (`local/Cargo.toml`).
compiled() {
    cargo tree --locked --workspace --prefix none --format '{p} [{f}]' "$@" | sed 's/ (\*)$//; s/ (proc-macro)//' | sort -u
}
mkdir -p "${CARGO_TARGET_DIR:-target}"
tested="${CARGO_TARGET_DIR:-target}/tested-features"
compiled --edges normal,build,dev >"$tested"
other=$(compiled --edges normal,build | comm -23 - "$tested" | cut -d ' ' -f 1)
[ -z "$other" ] || wrong "tests compile these with other features than \`cargo local\`; list them in \`local/Cargo.toml\`:" $other

# Teams build the kit into functions of their own.
foreign=$(crates --edges normal --package consumer | grep -E '^(aws|converter|fanout|catchup|push|cli|deploy|local|api|testkit|aws-.*|tokio|hyper|rustls) v' || true)
[ -z "$foreign" ] || wrong "\`consumer\` must not depend on:" $foreign

# What cargo is told not to test has no tests: neither of its own nor, for a library, in its documentation.
untested=$(cargo metadata --locked --no-deps --format-version 1 | python3 -c '
import json, pathlib, re, sys
for crate in json.load(sys.stdin)["packages"]:
    for target in crate["targets"]:
        source, is_library = pathlib.Path(target["src_path"]), target["kind"] == ["lib"]
        if not is_library and target["kind"] != ["bin"]:
            continue
        files = source.parent.rglob("*.rs") if is_library else [source]
        text = "\n".join(file.read_text() for file in files)
        if not target["test"] and re.search(r"#\[(tokio::)?test\b|cfg\(test\)", text):
            print(crate["name"], target["kind"][0], target["name"])
        if is_library and not target["doctest"] and re.search(r"^ *//[/!] ?(```|    )", text, re.M):
            print(crate["name"], "documentation")')
[ -z "$untested" ] || wrong "these have tests, but \`test\` or \`doctest\` is \`false\`:" $untested

# Of the companion, the domain is pure, and the store can be lifted: it knows neither marks nor this workspace.
found=$(grep -rnE '\b(crate::(store|http)|tokio|std::(env|fs|net|thread|time)|now_utc|getrandom)\b' api/src/mark api/src/mark.rs || true)
[ -z "$found" ] || wrong "\`api/src/mark\` must have no I/O, no clock and no randomness:" "$found"
found=$(grep -rnE '\b(crate::(mark|http)|(aws|shared|axum|tokio)::|std::(env|fs|net|thread|time::(SystemTime|Instant)))\b' api/src/store api/src/store.rs || true)
[ -z "$found" ] || wrong "\`api/src/store\` must know nothing of marks, nor of other crates of the workspace:" "$found"

# Outside of `aws` only tests, benches and examples name the SDK, and the adapter of the store that is to be lifted. (Files of
# unit tests are called `tests.rs`, or lie in a folder `tests`.)
sdk='\baws_(config|credential_types|runtime|sdk_[a-z0-9]+|sigv4|smithy_[a-z_]+|types)\b'
for crate in $(ls -d */src | cut -d / -f 1); do
    [ "$crate" = aws ] && continue
    found=$(grep -rlE "$sdk" "$crate/src" --include='*.rs' | grep -vE '(^|/)tests(/|\.rs$)|^api/src/store/dynamodb(/|\.rs$)' || true)
    [ -z "$found" ] || wrong "only \`aws\` may name the SDK, but these do, too:" $found
done

# What a module uses does not use it in turn.
circles=$(python3 tools/circles.py) || wrong "these modules import each other:" "$circles"

exit "$failed"
