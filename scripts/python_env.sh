#!/bin/sh
# Makes .venv in the repository root, with everything the Python tests need.
#
# usage: scripts/python_env.sh [--bench]      --bench adds the peers that benchmarks/peers.py measures
#   PYTHON=python3.12          another interpreter (3.10 or newer)
#   VENV=DIR                   another place than .venv
#   PIP_INDEX_URL, PIP_...     as pip understands them; https://download.pytorch.org/whl/cpu as an extra index
#                              makes pip take PyTorch's smaller build for the CPU
#
# Up to date already: returns in a fraction of a second and needs no network.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
venv=${VENV:-$root/.venv}
python=${PYTHON:-python3}
bench=no
for argument in "$@"; do
  case $argument in
    --bench) bench=yes ;;
    *) echo "python_env.sh: unknown argument '$argument' (known: --bench)" >&2; exit 2 ;;
  esac
done

say() { echo "python_env.sh: $*"; }
die() { say "$*" >&2; exit 1; }
# PYTHONPATH and user site packages of the caller must not leak in.
unset PYTHONPATH PYTHONHOME || true
export PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1

stamp() { cat "$@" | cksum | tr -d ' '; }
installed() { [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.installed-$1" 2>/dev/null)" = "$2" ]; }

# Two callers at once (tests, a benchmark) wait for each other.
mkdir -p "$venv"
if command -v flock >/dev/null; then exec 9>"$venv/.lock"; flock 9; fi

test_stamp=$(stamp "$root/scripts/requirements/torch.txt" "$root/scripts/requirements/test.txt")
bench_stamp=$(stamp "$root/scripts/requirements/bench.txt" "$root/scripts/requirements/test.txt")

if ! installed test "$test_stamp"; then
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    die "needs Python 3.10 or newer as '$python'; set PYTHON to one."
  if [ ! -x "$venv/bin/python" ]; then
    "$python" -c 'import ensurepip' 2>/dev/null || die "'$python' has no venv module; on Debian or Ubuntu: apt install python3-venv."
    "$python" -m venv "$venv"
  fi
  say "installing PyTorch and the test packages into $venv (about 870 MB to download the first time)"
  "$venv/bin/python" -m pip install --quiet --no-deps -r "$root/scripts/requirements/torch.txt"
  "$venv/bin/python" -m pip install --quiet -r "$root/scripts/requirements/test.txt" 2>"$venv/pip.log" ||
    { cat "$venv/pip.log" >&2; die "pip could not install scripts/requirements/test.txt."; }
  echo "$test_stamp" >"$venv/.installed-test"
fi
if [ $bench = yes ] && ! installed bench "$bench_stamp"; then
  say "installing the benchmark's peers into $venv"
  "$venv/bin/python" -m pip install --quiet -r "$root/scripts/requirements/bench.txt" 2>"$venv/pip.log" ||
    { cat "$venv/pip.log" >&2; die "pip could not install scripts/requirements/bench.txt."; }
  echo "$bench_stamp" >"$venv/.installed-bench"
fi
if [ "$(uname -s)" = Linux ]; then
  "$venv/bin/python" "$root/scripts/torch_cuda_stubs.py" "$venv/bin/python"
fi
