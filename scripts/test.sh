#!/usr/bin/env bash
# Runs what `make` has built, shows each runner's summary at the end, and fails if anything fails or nothing ran.
# usage: test.sh [swift] [python]
set -uo pipefail

cd "$(dirname "$0")/.." || exit
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0
summary=()

for what in "$@"; do
    case $what in
        swift)
            swift test -c release --skip-build 2>&1 | tee "$log"
            status=${PIPESTATUS[0]}
            line=$(grep -E 'Test run with [0-9]+ tests?' "$log" | tail -n 1)
            summary+=("swift:  ${line:-no test run}")
            # A run of no tests is reported as a success, which it is not.
            if ((status != 0)) || ! grep -Eq 'Test run with [1-9][0-9]* tests? .*passed' "$log"; then failed=1; fi
            ;;
        python)
            .venv/bin/python -m pytest -c Tests/compatibility/pytest.ini Tests/compatibility Tests/crash 2>&1 | tee "$log"
            status=${PIPESTATUS[0]}
            line=$(grep -E '^=+ .*(passed|failed|error|no tests ran).* =+$' "$log" | tail -n 1)
            summary+=("python: ${line:-no test run}")
            if ((status != 0)) || ! grep -Eq '[1-9][0-9]* passed' "$log"; then failed=1; fi
            ;;
        *)
            echo "test: unknown argument '$what'" >&2
            exit 2
            ;;
    esac
done

echo
printf '%s\n' "${summary[@]}"
if ((failed)); then
    echo "make test: FAILED"
    exit 1
fi
echo "make test: passed"
