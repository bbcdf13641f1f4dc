#!/usr/bin/env bash
# Runs what `make test-tsan` has built: the tests of the modules that share memory between threads, under ThreadSanitizer.
# Fails when it reports anything, when a test fails, or when a module's tests don't run. TRENDEX_SEED replays a run.
# usage: test-tsan.sh [FILTER…]   regular expressions of tests, each a process of its own; without any, all that are named here
set -uo pipefail

cd "$(dirname "$0")/.." || exit
build=.build-tsan
tests=$build/release/trendexPackageTests.xctest
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Of the index's suites those that link, search, save and replace codes at once, or that read files back; the others measure what
# one thread finds. The quantizers have no state that threads share. A process each, so that one that ends early leaves the
# others.
filters=("$@")
((${#filters[@]})) || filters=(
    '^VectorIndexTests\.(Concurrency|File|Freshness|Limit|Memory|NoCodes)Tests'
    '^SearchEngineTests\.'
    '^ServicesTests\.'
)

"$clang" -O1 -g -fPIC -shared -Wall -Wextra -Werror Tests/tsan/*.c -o "$build/swift-order.so" || exit 1

# A sanitizer that reports nothing at all, or a race in every program, shows nothing. Without what is preloaded the program that
# has no race must be reported, too, or it wouldn't show what that is for.
canary() { LD_PRELOAD=$1 "$build/canary" "$2" >"$log" 2>&1; }
is_reported() { grep -q 'WARNING: ThreadSanitizer: .* race' "$log"; }
give_up() {
    cat "$log"
    echo "make test-tsan: $1" >&2
    exit 1
}
swiftc -O -sanitize=thread Tests/tsan/canary.swift -o "$build/canary" || exit 1
canary "" shared
is_reported || give_up "without reference counts the program that has no race is clean, too"
canary "$build/swift-order.so" shared || give_up "races are reported where reference counts make an order"
canary "$build/swift-order.so" race
is_reported || give_up "a race isn't reported"

failed=0
summary=()
for filter in "${filters[@]}"; do
    # Tests one after the other: the races looked for are between the threads of one engine. With all tests at once the
    # sanitizer's runtime failed a check of its own (MetaMap::ResetClocks, Swift 6.3.1), whose cause isn't known.
    TRENDEX_BRIEF=1 LD_PRELOAD="$build/swift-order.so" TSAN_OPTIONS="history_size=4 ${TSAN_OPTIONS:-}" \
        "$tests" --testing-library swift-testing --no-parallel --filter "$filter" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    line=$(grep -E 'Test run with [0-9]+ tests?' "$log" | tail -n 1)
    races=$(grep -c 'WARNING: ThreadSanitizer' "$log")
    summary+=("$filter  ${line:-no end of the test run (exit code $status)}; $races reports of ThreadSanitizer")
    if ((status != 0 || races != 0)) || ! grep -Eq 'Test run with [1-9][0-9]* tests? .*passed' "$log"; then failed=1; fi
done

echo
printf '%s\n' "${summary[@]}"
if ((failed)); then
    echo "make test-tsan: FAILED"
    exit 1
fi
echo "make test-tsan: passed"
