#!/usr/bin/env bash
# Compiles the kernels and Tests/neon for aarch64, and runs them on emulated CPUs: one without the dot-product extension
# and one that has it. TRENDEX_SEED replays a run.
set -euo pipefail

cd "$(dirname "$0")/.."
kernels=Sources/CVectorKernels
build=.build/neon

# The clang of the Swift toolchain, as the package itself is compiled with; Swift may be a link to it from elsewhere.
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
emulator=$(command -v qemu-aarch64-static || command -v qemu-aarch64)

mkdir -p "$build"
"$clang" --target=aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include -fuse-ld=lld -static -std=gnu11 -O2 \
    -Wall -Wextra -Werror -I"$kernels/include" -I"$kernels" "$kernels"/*.c Tests/neon/*.c -lm -o "$build/neon-tests"

seed=${TRENDEX_SEED:-$(date +%s%N)}
"$emulator" -cpu cortex-a53 "$build/neon-tests" baseline "$seed"
"$emulator" -cpu neoverse-n1 "$build/neon-tests" dotprod "$seed"
