#!/usr/bin/env bash
# Measures, and draws what was measured.
# usage: bench.sh [--peers] [options for trendex-bench run, or for peers.py]
#
# The data are $TRENDEX_DATA (a folder or an ann-benchmarks HDF5 file), or ../shared/data if it is there; without
# them `make bench` makes clustered vectors of its own. $BENCH_ARGS holds further options.
set -euo pipefail

cd "$(dirname "$0")/.."
data=${TRENDEX_DATA:-}
[[ -n $data || ! -e ../shared/data/base50k_f16.npy ]] || data=../shared/data
# Words of BENCH_ARGS are options, so they are split on purpose.
read -ra more <<<"${BENCH_ARGS:-}"

if [[ ${1:-} != --peers ]]; then
    exec .build/release/trendex-bench run ${data:+--data "$data"} "$@" ${more[@]+"${more[@]}"}
fi
shift

[[ -n $data ]] || { echo "bench: peers are measured on data of yours; set TRENDEX_DATA" >&2; exit 1; }
tools=.venv/bench
if [[ ! -e $tools/.ready || benchmarks/requirements.txt -nt $tools/.ready ]]; then
    echo "bench: installing the peers into $tools" >&2
    rm -rf "$tools"
    "${PYTHON:-python3}" -m venv "$tools"
    "$tools/bin/python" -m pip install -q --disable-pip-version-check -r benchmarks/requirements.txt
    touch "$tools/.ready"
fi
exec "$tools/bin/python" benchmarks/peers.py --data "$data" "$@" ${more[@]+"${more[@]}"}
