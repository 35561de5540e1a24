#!/bin/sh
# Writes docs/transcript.md: what a newcomer sees who tries the command with the bundled model.
#
# usage: scripts/make_transcript.sh [FILE]      SCLIP_BIN names another binary than build/sclip
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
binary=$(realpath "${SCLIP_BIN:-$root/build/sclip}")
target=$(realpath -m "${1:-$root/docs/transcript.md}")
[ -x "$binary" ] || { echo "make_transcript.sh: no $binary: build it first (make build)" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/photos" "$work/home"
cp "$root/tests/data/photos/china.jpg" "$work/china.jpg"
cp "$root"/tests/data/photos/*.jpg "$work/photos/"
head -c 20000 "$work/china.jpg" >"$work/broken.jpg"
cd "$work"
export HOME="$work/home" XDG_CACHE_HOME="$work/home/.cache"
unset SCLIP_MODEL || true

sclip() { "$binary" "$@"; }
# A line as typed, what it prints, and its exit code where it is not 0.
try() {
  echo "\$ $1"
  code=0
  eval "$1" 2>&1 || code=$?
  [ $code = 0 ] || echo "(exit code $code)"
  echo
}
say() { printf '%s\n\n' "$1"; }
block() { echo '```'; "$@" | sed '$d'; echo '```'; echo; }

model() { try 'sclip info | head -n 13'; }
first() {
  try 'sclip segment china.jpg -c "sky; building, house; tree; water" -o out'
  try 'ls out'
}
again() { try 'sclip segment china.jpg -c "sky; building, house; tree; water" -o cut.png --overlay-size photo -q; ls *.png'; }
folder() {
  try 'sclip segment photos/ -c "sky; building; tree" --outputs mask,json -o masks'
  try 'sclip segment photos/ -c "sky; building; tree" --outputs mask,json -o masks --resume'
}
whole() {
  try 'sclip classify china.jpg -c "building; car; dog"'
  try 'sclip classify photos/ -c "building; tree; dog" --top 1 --json'
}
vectors() { try 'sclip embed --image photos/ -o photos.npy --names photos.txt; cat photos.txt'; }
errors() {
  try 'sclip segment chna.jpg -c "sky; tree"'
  try 'sclip segment broken.jpg -c "sky; tree" -o broken'
  try 'sclip segment china.jpg -c "sky; tree" --policy scilp'
  try 'sclip segment china.jpg -c "sky; tree" -o china.jpg'
}

{
  echo '# A first session'
  echo
  say 'Made by `scripts/make_transcript.sh` with the bundled model, which is small and weak.'
  say 'What is there:'
  block model
  say 'One photo. Class names are separated by `;`, synonyms by `,`:'
  block first
  say 'The mask under a name of its own, and an overlay of exactly the size of the photo:'
  block again
  say 'A folder, and the same again after an interruption:'
  block folder
  say 'What a whole photo shows:'
  block whole
  say 'Embeddings:'
  block vectors
  say 'Every error is one line that says what to do, and nothing half-written stays behind:'
  block errors
} >"$work/transcript"
mkdir -p "$(dirname "$target")"
# The machine is nobody's concern.
sed -e "s|$work/||g" -e "s|$root/||g" "$work/transcript" >"$target"
