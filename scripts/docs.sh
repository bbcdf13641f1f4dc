#!/usr/bin/env bash
# Makes a static site with the API reference of the libraries, with the DocC that comes with the toolchain.
# It reads the modules of the release build, so nothing is compiled again.
set -euo pipefail

cd "$(dirname "$0")/.."
build=$(swift build -c release --show-bin-path)
triple=$(swift -print-target-info | sed -n 's/.*"triple": "\(.*\)",*/\1/p' | head -n 1)
docc=$(command -v docc || true)
[[ -n $docc ]] || docc=$(dirname "$(readlink -f "$(command -v swift)")")/docc
[[ -x $docc ]] || { echo "docs: the toolchain has no docc" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-I "$build/Modules" -target "$triple" -sdk / -minimum-access-level public -skip-synthesized-members)
# Modules written in C, ours and the dependencies', are found through their module maps.
while IFS= read -r map; do flags+=(-Xcc "-fmodule-map-file=$map"); done < <(
    find Sources/ .build/checkouts/ -path '*/Tests/*' -prune -o -name module.modulemap -print | sort
    find "$build" -maxdepth 2 -name module.modulemap | sort)
while IFS= read -r include; do flags+=(-Xcc "-I$include"); done < <(
    find Sources/ .build/checkouts/ -type d -path '*/Sources/*/include' | sort)

archives=()
for module in JSON Quantization VectorIndex SearchEngine TrendStore SearchServer; do
    mkdir -p "$work/$module"
    swift-symbolgraph-extract -module-name "$module" "${flags[@]}" -output-dir "$work/$module"
    "$docc" convert --additional-symbol-graph-dir "$work/$module" --fallback-display-name "$module" \
        --fallback-bundle-identifier "trendex.$module" --transform-for-static-hosting \
        --diagnostic-level error --output-path "$work/$module.doccarchive"
    archives+=("$work/$module.doccarchive")
done
rm -rf .docs
"$docc" merge "${archives[@]}" --synthesized-landing-page-name Trendex --output-path .docs
echo "docs: .docs/ is ready; to read it: python3 -m http.server -d .docs 8080, then http://localhost:8080/documentation/"
