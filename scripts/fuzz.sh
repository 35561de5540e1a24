#!/bin/sh
# Runs every libFuzzer target of a build folder for a while, from its seeds in tests/fuzz/corpus/NAME if there are any.
#
# usage: scripts/fuzz.sh [BUILD_FOLDER]      FUZZ_SECONDS=20 for each target, FUZZ_JOBS=1 at a time
# What crashes a target stays in BUILD_FOLDER/fuzz/NAME, with what it said in log.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-build-fuzz}
targets=
for target in "$build"/fuzz_*; do
  if [ -f "$target" ] && [ -x "$target" ]; then targets="$targets $target"; fi
done
[ -n "$targets" ] || { echo "fuzz.sh: no fuzz_* program in $build: configure with the preset 'fuzz'" >&2; exit 1; }

# shellcheck disable=SC2016  # the inner shell expands it
printf '%s\n' $targets | xargs -P "${FUZZ_JOBS:-1}" -I{} sh -c '
  name=$(basename "$1")
  work="$2/fuzz/$name"
  mkdir -p "$work/corpus"
  seeds="$3/tests/fuzz/corpus/$name"
  [ -d "$seeds" ] || seeds=
  if "$1" -max_total_time="${FUZZ_SECONDS:-20}" -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
      -artifact_prefix="$work/" "$work/corpus" $seeds >"$work/log" 2>&1; then
    echo "fuzz.sh: $name for ${FUZZ_SECONDS:-20} s: $(grep -o "number_of_executed_units.*" "$work/log")"
  else
    cat "$work/log"
    echo "fuzz.sh: $name FAILED" >&2
    exit 1
  fi' sh {} "$build" "$root"
