#!/bin/sh
# Runs the Python tests in two halves that take about as long, beside each other: those of parity, of which most share the weights
# of a ViT-B/16 and the reference's answers, with those of the reference and of the kernels' machine code; and all others.
# Then, on a quiet machine, what measures time and memory.
#
# usage: scripts/python_tests.sh PYTHON RESULTS      leaves RESULTS/pytest-{parity,others,alone}.xml
set -eu
cd "$(dirname "$0")/.."
python=$1
results=$2
mkdir -p "$results"

# A thread that waits must take no time from the other group.
group() {
  name=$1
  shift
  OMP_WAIT_POLICY=passive "$python" -m pytest -q -p no:cacheprovider --junitxml="$results/pytest-$name.xml" "$@"
}

alone="tests/python/test_cli_lean.py tests/python/test_large_photos.py tests/python/test_pictures_speed.py"
parity="$(echo tests/python/test_parity_*.py) tests/python/test_reference_model.py tests/python/test_cuda_machine_code.py"
others=tests/python
for file in $alone $parity; do others="$others --ignore=$file"; done

failed=0
group parity $parity >"$results/pytest-parity.log" 2>&1 &
beside=$!
group others $others || failed=1
wait $beside || failed=1
cat "$results/pytest-parity.log"
group alone $alone || failed=1
exit $failed
