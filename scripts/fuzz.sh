#!/bin/sh
# Runs every libFuzzer target of a build folder for a while, from its seeds in tests/fuzz/corpus/NAME if there are any.
#
# usage: scripts/fuzz.sh [BUILD_FOLDER]      FUZZ_SECONDS=20 for each target
# What crashes a target stays in BUILD_FOLDER/fuzz/NAME.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-build-fuzz}
found=no
for target in "$build"/fuzz_*; do
  [ -f "$target" ] && [ -x "$target" ] || continue
  found=yes
  name=$(basename "$target")
  work="$build/fuzz/$name"
  mkdir -p "$work/corpus"
  seeds="$root/tests/fuzz/corpus/$name"
  [ -d "$seeds" ] || seeds=
  echo "fuzz.sh: $name for ${FUZZ_SECONDS:-20} s"
  "$target" -max_total_time="${FUZZ_SECONDS:-20}" -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="$work/" "$work/corpus" $seeds
done
[ $found = yes ] || { echo "fuzz.sh: no fuzz_* program in $build: configure with the preset 'fuzz'" >&2; exit 1; }
