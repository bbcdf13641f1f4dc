#!/usr/bin/env bash
# Checks the files in deploy/ with whatever tools there are, and says what it couldn't check. Nothing is started.
# usage: check-deploy.sh [--all]
#   --all   a tool that is missing is a failure
#
# yamllint and kubernetes-validate come from PyPI; promtool is in Debian's package prometheus, docker-compose and shellcheck in their own. A
# static build in .build-static (swift build -c release --static-swift-stdlib --product trendex --scratch-path .build-static) is
# compared with the packages that the Dockerfile installs.
set -uo pipefail

cd "$(dirname "$0")/.." || exit
failed=0
skipped=()

# check NAME TOOL COMMAND…: runs the command if the tool is there.
check() {
    local name=$1 tool=$2
    shift 2
    if ! command -v "$tool" >/dev/null; then
        skipped+=("$name (no $tool)")
        return
    fi
    local output
    if output=$("$@" 2>&1); then
        echo "ok      $name"
    else
        echo "FAILED  $name"
        printf '%s\n' "$output" | sed 's/^/        /'
        failed=1
    fi
}

# The shared libraries that the static build needs, as Debian packages, are those that the Dockerfile's last stage installs.
libraries() {
    local binary package path wanted=() installed missing
    binary=$(find .build-static -path '*/release/trendex' -type f | head -n 1)
    [[ -n $binary ]] || { echo "there is no static build"; return 1; }
    if ldd "$binary" | grep -E 'libswift|libFoundation|not found'; then
        echo "these are linked dynamically, or missing"
        return 1
    fi
    while read -r path; do
        # Debian names files below /usr, whatever link led there.
        package=$(dpkg-query -S "$path" "$(readlink -f "$path")" "/usr$path" 2>/dev/null | head -n 1 | cut -d : -f 1)
        [[ -n $package ]] && wanted+=("$package")
    done < <(readelf -d "$binary" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r name; do
        ldd "$binary" | awk -v name="$name" '$1 == name && $3 ~ /^\// { print $3 }'
    done)
    installed=$(sed -n '/^FROM debian/,$p' deploy/Dockerfile | sed -n '/apt-get install/,/rm -rf/p' |
        grep -oE '\b(lib[a-z0-9.+-]+|zlib1g)' | grep -v '^lib$' | sort -u)
    # The C library is the image's own.
    missing=$(comm -3 <(printf '%s\n' "${wanted[@]}" | grep -v '^libc6$' | sort -u) <(printf '%s\n' "$installed"))
    [[ -z $missing ]] || { printf 'only needed, or (indented) only installed:\n%s\n' "$missing"; return 1; }
}

compose() { TRENDEX_API_KEY=check "$@" -f deploy/compose.yaml config --quiet; }

check "YAML" yamllint yamllint --strict -c deploy/.yamllint.yaml deploy
check "Kubernetes manifests against the API's schemas" kubernetes-validate kubernetes-validate --strict deploy/kubernetes/trendex.yaml
if docker compose version >/dev/null 2>&1; then
    check "compose file" docker compose docker compose
else
    check "compose file" docker-compose compose docker-compose
fi
check "alert rules" promtool promtool check rules deploy/prometheus/alerts.yaml
check "alert rules on made series" promtool promtool test rules deploy/prometheus/alerts.test.yaml
check "Prometheus's configuration" promtool promtool check config --syntax-only deploy/prometheus/prometheus.yaml
check "dashboard" python3 python3 -m json.tool deploy/grafana/trendex.json
check "shell scripts" shellcheck shellcheck scripts/*.sh
if [[ -d .build-static ]]; then
    check "libraries of the static build against the Dockerfile" ldd libraries
else
    skipped+=("libraries of the static build (no .build-static)")
fi
((${#skipped[@]})) && printf 'skipped %s\n' "${skipped[@]}"
if ((failed)) || { [[ ${1:-} == --all ]] && ((${#skipped[@]})); }; then
    echo "check-deploy: FAILED"
    exit 1
fi
echo "check-deploy: passed"
