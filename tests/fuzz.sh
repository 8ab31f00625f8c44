#!/bin/sh
# Runs the coverage-guided fuzzers, one target after the other:
#   tests/fuzz.sh                     every target, a minute each
#   tests/fuzz.sh gate                one target, a minute
#   tests/fuzz.sh gate 1200           one target, 1,200 seconds
#   tests/fuzz.sh all 600             every target, 600 seconds each
#   tests/fuzz.sh objects 1200        one family: entries that are tried in one run
#   tests/fuzz.sh families 1200       every family, and every target that is in none
#   tests/fuzz.sh --list              the targets and what they read, and the families
#   tests/fuzz.sh --keep              takes what was found new into the kept corpus, smallest set
#
# Needs stable Rust and a C++ compiler (libFuzzer is C++). A finding ends the run with an error and
# lies in tests/fuzz/found/; `tests/fuzz.sh gate tests/fuzz/found/gate-crash-…` runs it again. In a
# family's finding the first byte chooses the entry (its name is printed); the entry reads the rest.
set -eu
cd "$(dirname "$0")/fuzz"

# What `cargo fuzz build --sanitizer none` passes: all of it is stable.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
# With --target, build scripts and macros are compiled without the instrumentation.
host=$(rustc -vV | sed -n 's/^host: //p')
cargo build --release --target "$host"
fuzzer="${CARGO_TARGET_DIR:-target}/$host/release/nahtlos-fuzz"

list() { NAHTLOS_FUZZ_TARGET=list "$fuzzer"; }

families() { NAHTLOS_FUZZ_TARGET=families "$fuzzer"; }

longest() { (list; families) | awk -F '\t' -v name="$1" '$1 == name { print $2; exit }'; }

# New inputs go to work/, which is not kept; the kept corpus is read.
fuzz() {
    mkdir -p "work/$1" found
    echo "$1: $2 seconds" >&2
    if [ -d "corpus/$1" ]; then
        libfuzzer "$1" "$2" "corpus/$1"
    else
        # A family has no inputs of its own: it borrows those of its entries, and gives them what is new.
        rm -rf "work/$1"
        NAHTLOS_FUZZ_TARGET="gather $1" "$fuzzer"
        status=0
        libfuzzer "$1" "$2" || status=$?
        NAHTLOS_FUZZ_TARGET="part $1" "$fuzzer"
        rm -rf "work/$1"
        return "$status"
    fi
}

libfuzzer() {
    NAHTLOS_FUZZ_TARGET="$1" "$fuzzer" -max_total_time="$2" -max_len="$(longest "$1")" \
        -timeout=25 -rss_limit_mb=3000 -print_final_stats=1 -artifact_prefix="found/$1-" \
        "work/$1" ${3:+"$3"}
}

keep() {
    # The smallest set of inputs with the same coverage, nothing above 8 KiB.
    rm -rf "work/minimal-$1"
    mkdir -p "work/minimal-$1" "work/$1"
    NAHTLOS_FUZZ_TARGET="$1" "$fuzzer" -merge=1 -max_len=8192 -timeout=25 \
        "work/minimal-$1" "corpus/$1" "work/$1" >/dev/null 2>&1
    find "work/minimal-$1" -type f -exec cp {} "corpus/$1/" \;
    rm -rf "work/minimal-$1"
}

target=${1:-all}
case "$target" in
    --list)
        list
        echo
        families
        ;;
    --keep) for one in $(list | cut -f 1); do keep "$one"; done ;;
    all) for one in $(list | cut -f 1); do fuzz "$one" "${2:-60}"; done ;;
    families) for one in $(families | cut -f 1); do fuzz "$one" "${2:-60}"; done ;;
    *)
        if [ -f "../../${2:-}" ]; then
            NAHTLOS_FUZZ_TARGET="$target" "$fuzzer" "../../$2"
        else
            fuzz "$target" "${2:-60}"
        fi
        ;;
esac
