#!/bin/sh
# Are the tests worth anything? Each patch in tests/mutants breaks one rule and names the tests that
# must notice. They are applied one by one to a temporary clone of the last commit.
#
#   tests/mutants.sh [name…]     all mutants, or those named; about fifteen minutes
#   tests/mutants.sh --apply     only whether each still applies: nothing is compiled
#
# Exit code 1 where a mutant survives, does not apply or does not compile, or where the named tests
# fail without it.
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 2
clone=$(mktemp -d) || exit 2
trap 'rm -rf "$clone"' EXIT INT TERM
git clone --quiet --shared "$root" "$clone/source" || exit 2
cd "$clone/source" || exit 2
# Dependencies are built once for both.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}" RUST_BACKTRACE=0
export CARGO_TERM_COLOR=never

if [ "${1:-}" = --apply ]; then
    for patch in "$root"/tests/mutants/*.patch; do
        git apply --check "$patch" || { echo "$(basename "$patch") does not apply any more"; exit 1; }
    done
    exit 0
fi

patches=
if [ $# -gt 0 ]; then
    for name in "$@"; do patches="$patches $root/tests/mutants/$name.patch"; done
else
    patches=$(ls "$root"/tests/mutants/*.patch)
fi
log=$clone/log
bad=0

# run_tests <patch> [--no-run]: the tests a patch names.
run_tests() {
    named=$(sed -n 's/^run: //p' "$1")
    # shellcheck disable=SC2086
    cargo test --quiet $named $2 >"$log" 2>&1
}

say() { printf '%-22s %s\n' "$1" "$2"; }

for patch in $patches; do
    name=$(basename "$patch" .patch)
    if ! run_tests "$patch" ""; then
        say "$name" "the tests fail without it"; tail -20 "$log"; bad=1
    elif grep -q '^running [1-9]' "$log"; then
        :
    else
        say "$name" "names no test"; bad=1
    fi
done
[ "$bad" -eq 0 ] || exit 1
say "control" "every named test passes without a mutant"

for patch in $patches; do
    name=$(basename "$patch" .patch)
    if ! git apply "$patch"; then
        say "$name" "does not apply any more"; bad=1; continue
    fi
    if ! run_tests "$patch" --no-run; then
        say "$name" "does not compile"; tail -20 "$log"; bad=1
    elif run_tests "$patch" ""; then
        say "$name" "SURVIVES: $(head -n 1 "$patch")"; bad=1
    else
        say "$name" "killed by $(grep -c '^---- .* stdout ----$' "$log") test(s)"
    fi
    git checkout --quiet .
done
exit "$bad"
