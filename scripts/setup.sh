#!/usr/bin/env bash
# Installs the Debian packages that are missing.
# usage: setup.sh [build] [python] [python-only] [neon] [load]
#   build        what the Swift build links against
#   python       a Python with virtual environments, for the tests and benchmarks
#   python-only  any Python 3, for the demo
#   load         wrk, which loads a server
#   neon         what compiles C for aarch64 and runs it under emulation
set -euo pipefail

python=${PYTHON:-python3}
missing=()

need_package() {
    local status
    status=$(dpkg-query -W -f='${Status}' "$1" 2>/dev/null || true)
    [[ $status == "install ok installed" ]] || missing+=("$1")
}

for what in "$@"; do
    case $what in
        build)
            command -v swift >/dev/null || {
                echo "setup: no 'swift' on the PATH; install Swift 6.3 from https://www.swift.org/install" >&2
                exit 1
            }
            if command -v dpkg-query >/dev/null; then
                for package in libsqlite3-dev libblas-dev liblapack-dev liblapacke-dev libstemmer-dev; do
                    need_package "$package"
                done
            else
                echo "setup: not a Debian-like system; SQLite, CBLAS, LAPACKE and Snowball headers must be installed by hand" >&2
            fi
            ;;
        python)
            if ! command -v "$python" >/dev/null; then
                missing+=(python3 python3-venv)
            elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
                missing+=(python3-venv)
            fi
            ;;
        python-only)
            command -v "$python" >/dev/null || missing+=(python3)
            ;;
        load)
            command -v wrk >/dev/null || missing+=(wrk)
            ;;
        neon)
            if ! command -v dpkg-query >/dev/null; then
                echo "setup: not a Debian-like system; a C library for aarch64 and qemu-user must be installed by hand" >&2
            else
                # The compiler is Swift's clang; it links with the C library and libgcc of these.
                for package in gcc-aarch64-linux-gnu libc6-dev-arm64-cross; do need_package "$package"; done
            fi
            command -v qemu-aarch64-static qemu-aarch64 >/dev/null || missing+=(qemu-user-static)
            ;;
        *)
            echo "setup: unknown argument '$what'" >&2
            exit 2
            ;;
    esac
done

((${#missing[@]})) || exit 0

command -v apt-get >/dev/null || {
    echo "setup: install these packages with the system's package manager: ${missing[*]}" >&2
    exit 1
}

as_root=()
if (($(id -u) != 0)); then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
    else
        echo "setup: packages are missing; run this once, then make again:" >&2
        echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
fi

echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
