# shellcheck shell=bash
# What the command-line tests share: a work folder, pictures, a small backbone, checks. Sourced, not run.
set -euo pipefail
: "${GRAFT:?the program}" "${GRAFT_SOURCE:?the source folder}" "${GRAFT_BUILD:?the build folder}"
test_name=$(basename "$0" .sh)
work=$(mktemp -d "${TMPDIR:-/tmp}/graft-$test_name-XXXXXX")
work=$(cd "$work" && pwd -P)
unset GRAFT_CPU
export GRAFT_HOME=$work/home LC_ALL=C PYTHONDONTWRITEBYTECODE=1
backbone_tool=$GRAFT_BUILD/bin/tiny_backbone
checks=0
failures=0

clean_up() {
    chmod -R u+w "$work" 2>/dev/null || true # modules of a store are read-only
    rm -rf "$work"
}
trap clean_up EXIT

# A failed check is printed and counted; the script goes on, so that one run shows them all.
fail() {
    failures=$((failures + 1))
    echo "$test_name: FAILED: $1" >&2
    if [ -s "$work/out" ]; then sed 's/^/    out: /' "$work/out" | head -n 15 >&2; fi
    if [ -s "$work/err" ]; then sed 's/^/    err: /' "$work/err" | head -n 15 >&2; fi
}

check() { # check SENTENCE COMMAND...: the command must succeed
    local sentence=$1
    shift
    checks=$((checks + 1))
    "$@" >/dev/null 2>&1 || fail "$sentence"
}

# expect CODE ARGUMENTS...: runs graft; its output goes to $work/out and $work/err.
expect() {
    local wanted=$1
    local code=0
    shift
    checks=$((checks + 1))
    "$GRAFT" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    [ "$code" -eq "$wanted" ] || fail "graft $*: ended with $code, expected $wanted"
}

# refused CODE PATTERN ARGUMENTS...: graft ends with the code and says why in one line that matches; nothing on stdout.
refused() {
    local wanted=$1
    local pattern=$2
    shift 2
    expect "$wanted" "$@"
    grep -v '^warning: ' "$work/err" >"$work/said" || true
    checks=$((checks + 1))
    grep -Eqi -- "$pattern" "$work/said" || fail "graft $*: does not say /$pattern/"
    [ "$(grep -c '^graft' "$work/said")" -eq 1 ] || fail "graft $*: more or less than one sentence"
    [ ! -s "$work/out" ] || fail "graft $*: prints to standard output although it fails"
}

says() { # says PATTERN: standard output of the run before matches
    checks=$((checks + 1))
    grep -Eq -- "$1" "$work/out" || fail "standard output does not say /$1/"
}

json() { # json EXPRESSION: standard output is one JSON value, j, for which the Python expression is true
    checks=$((checks + 1))
    python3 -m json.tool "$work/out" /dev/null 2>/dev/null || { fail "standard output is not JSON"; return; }
    python3 -c "import json, sys; j = json.load(open(sys.argv[1])); sys.exit(0 if ($1) else 1)" "$work/out" ||
        fail "not true of the JSON: $1"
}

pictures() { python3 "$GRAFT_SOURCE/tests/cli/make_pictures.py" "$@"; }

finish() {
    if [ "$failures" -gt 0 ]; then
        echo "$test_name: $failures of $checks checks failed" >&2
        exit 1
    fi
    echo "$test_name: $checks checks passed"
}

cd "$work"
