#!/usr/bin/env bash
# Measures, and draws what was measured.
# usage: bench.sh [--peers | --growth | --shapes | --beside | --collections | --sizing | --embedder | --load] [options for trendex-bench run,
#        peers.py, growth.py, trendex-bench shapes, beside_writes.py, many_collections.py, sizing.py, embedder.py
#        or trend_load.py]
#
# The data are $TRENDEX_DATA (a folder or an ann-benchmarks HDF5 file), or ../shared/data if it is there; without
# them `make bench` makes clustered vectors of its own. --shapes, --beside, --collections, --embedder and --load take no data. $BENCH_ARGS holds further options.
set -euo pipefail

cd "$(dirname "$0")/.."
data=${TRENDEX_DATA:-}
[[ -n $data || ! -e ../shared/data/base50k_f16.npy ]] || data=../shared/data
# Words of BENCH_ARGS are options, so they are split on purpose.
read -ra more <<<"${BENCH_ARGS:-}"

case ${1:-} in
    --peers) program=peers.py ;;
    --growth) program=growth.py ;;
    --shapes) program=shapes ;;
    --beside) program=beside ;;
    --collections) program=collections ;;
    --sizing) program=sizing ;;
    --embedder) program=embedder ;;
    --load) program=load ;;
    *) exec .build/release/trendex-bench run ${data:+--data "$data"} "$@" ${more[@]+"${more[@]}"} ;;
esac
shift

[[ -n $data || $program =~ ^(shapes|beside|collections|sizing|embedder|load)$ ]] || { echo "bench: $program needs data of yours; set TRENDEX_DATA" >&2; exit 1; }
# Makes the environment $1 with the interpreter $2 and the packages of the file $3.
environment() {
    [[ ! -e $1/.ready || $3 -nt $1/.ready ]] || return 0
    echo "bench: installing the peers into $1" >&2
    rm -rf "$1"
    "$2" -m venv "$1"
    "$1/bin/python" -m pip install -q --disable-pip-version-check -r "$3"
    touch "$1/.ready"
}

if [[ $program == embedder ]]; then
    environment .venv/bench-embedder "${PYTHON:-python3}" benchmarks/requirements-embedder.txt
    exec .venv/bench-embedder/bin/python benchmarks/embedder.py "$@" ${more[@]+"${more[@]}"}
fi
tools=.venv/bench
environment "$tools" "${PYTHON:-python3}" benchmarks/requirements.txt
if [[ $program == shapes ]]; then
    exec .build/release/trendex-bench shapes --peers "$tools/bin/python" --json benchmarks/results/shapes.json \
        --table benchmarks/results/shapes.md "$@" ${more[@]+"${more[@]}"}
fi
if [[ $program == beside ]]; then
    exec "$tools/bin/python" benchmarks/beside_writes.py --server trendex=.build/release/trendex \
        --json benchmarks/results/beside-writes.json --plot benchmarks/results/beside-writes.png "$@" \
        ${more[@]+"${more[@]}"}
fi
if [[ $program == collections ]]; then
    exec "$tools/bin/python" benchmarks/many_collections.py --server trendex=.build/release/trendex \
        --json benchmarks/results/many-collections.json "$@" ${more[@]+"${more[@]}"}
fi
if [[ $program == sizing ]]; then
    exec "$tools/bin/python" benchmarks/sizing.py --server .build/release/trendex ${data:+--data "$data"} --json benchmarks/results/sizing.json \
        --table benchmarks/results/sizing.md "$@" ${more[@]+"${more[@]}"}
fi
if [[ $program == load ]]; then
    exec "$tools/bin/python" benchmarks/trend_load.py --server .build/release/trendex --json benchmarks/results/trend-load.json \
        --table benchmarks/results/trend-load.md --plot benchmarks/results/trend-load.png "$@" ${more[@]+"${more[@]}"}
fi
if [[ $program == growth.py ]]; then
    exec "$tools/bin/python" benchmarks/growth.py --data "$data" "$@" ${more[@]+"${more[@]}"}
fi
# One peer has a wheel with AVX-512 for this Python alone; without it the results say that it wasn't measured.
python310=${PYTHON310:-python3.10}
if ! "$python310" -c '' 2>/dev/null; then
    python310=$(compgen -G "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.10.*/bin/python3.10" | head -n 1 || true)
fi
if "$python310" -c 'import venv' 2>/dev/null; then
    environment .venv/bench-3.10 "$python310" benchmarks/requirements-3.10.txt
fi
exec "$tools/bin/python" benchmarks/peers.py --data "$data" "$@" ${more[@]+"${more[@]}"}
