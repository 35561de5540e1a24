#!/usr/bin/env bash
# Makes the figures of docs/explain.md from the bundled photograph with the bundled model.
#
# usage: scripts/make_explain_figures.sh [SCLIP] [FOLDER]      default: build/sclip, docs/images
set -euo pipefail
cd "$(dirname "$0")/.."
sclip=${1:-build/sclip}
folder=${2:-docs/images}
made=$(mktemp -d)
cell=190
trap 'rm -r "$made"' EXIT

explain() {
  "$sclip" explain tests/data/photos/china.jpg --model weights/demo/demo-clip.sclip --device cpu --precision f32 --short-side 224 --crop 0 \
    --cell "$cell" -o "$made" "$@" > /dev/null
}

points=(--point 215,130 --point 560,330 --point 450,60)
explain "${points[@]}" --policy clip,sclip
mv "$made/maps.png" "$folder/explain-attention.png"
explain "${points[@]}" --policy clip,sclip --map features
mv "$made/maps.png" "$folder/explain-features.png"
explain --policy sclip --words --templates none --no-cache -c "sky; building; tree; water"
mv "$made/words.png" "$folder/explain-words.png"

# How alike the maps of different points are, and what a point's own patch weighs against the heaviest one.
grid=()
for y in $(seq 20 56 426); do
  for x in $(seq 20 56 639); do grid+=(--point "$x,$y"); done
done
cell=16
explain "${grid[@]}" --policy clip,sclip,q-only,k-only,naclip --arrays
"${PYTHON:-.venv/bin/python}" - "$made" <<'PYTHON'
import json
import sys

import numpy as np

maps = np.load(f"{sys.argv[1]}/maps.npy")
for column, found in zip(json.load(open(f"{sys.argv[1]}/explain.json"))["maps"], maps):
    alike = np.corrcoef(found.reshape(len(found), -1))[np.triu_indices(len(found), 1)].mean()
    own = np.mean([m[p["patch"]["y"], p["patch"]["x"]] / m.max() for m, p in zip(found, column["points"])])
    print(f"{column['title']}: {len(found)} points, correlation of two maps {alike:.2f}, own patch {own:.2f} of the highest")
PYTHON
