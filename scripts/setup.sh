#!/bin/sh
# Installs the Debian or Ubuntu packages that sclip is built from.
#
# usage: scripts/setup.sh [--dist] [--test]      --dist adds what `make dist` needs, --test what it, `make test`, `make fuzz`
#                                                and `make format` need
#
# Everything there already: returns at once, and needs neither network nor root.
set -eu

build="g++ cmake ninja-build pkg-config ccache
  libdnnl-dev ocl-icd-opencl-dev libhwy-dev libcli11-dev libstb-dev nlohmann-json3-dev libpng-dev nettle-dev
  libutf8proc-dev libzstd-dev zlib1g-dev catch2 libbenchmark-dev
  libcpp-httplib-dev prometheus-cpp-dev libssl-dev
  libjpeg-dev libwebp-dev libtiff-dev libheif-dev libfontconfig-dev libfreetype-dev libraqm-dev"
dist="dpkg-dev file"
test="$dist python3 python3-venv systemd clang clang-format libomp-dev libjpeg-turbo-progs libtiff-tools libheif-examples
  fonts-dejavu-core fonts-sawarabi-gothic fonts-tlwg-loma-ttf fonts-lohit-deva fonts-noto-color-emoji"
# Packages of their own in some releases, part of another one here before or since.
where_there="libheif-plugin-libde265 libheif-plugin-dav1d"
test_too="libclang-rt-dev libheif-plugin-x265 chromium fonts-inter"

wanted=$build
with_test=no
for argument in "$@"; do
  case $argument in
    --dist) wanted="$wanted $dist" ;;
    --test) wanted="$wanted $test" with_test=yes ;;
    *) echo "setup.sh: unknown argument '$argument' (known: --dist, --test)" >&2; exit 2 ;;
  esac
done

say() { echo "setup.sh: $*"; }
die() { say "$*" >&2; exit 1; }

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  say "no apt here; if configuring fails, install the equivalents of:" $wanted
  exit 0
fi

has() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
install() {
  root=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "not root and no sudo; as root: apt-get install $*"
    root=sudo
  fi
  say "installing $*"
  [ -n "${updated:-}" ] || $root apt-get update -qq -o Acquire::Retries=3 ||
    say "apt-get update failed; going on with the package lists there are"
  updated=yes
  $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" >/dev/null || die "apt-get could not install $*"
}

missing=
for package in $wanted; do has "$package" || missing="$missing $package"; done
[ -z "$missing" ] || install $missing
[ $with_test = no ] || where_there="$where_there $test_too"
for package in $where_there; do
  if ! has "$package" && apt-cache show "$package" >/dev/null 2>&1; then install "$package"; fi
done

version=$(cmake --version | sed -n 's/^cmake version //p')
oldest=$(printf '%s\n3.25\n' "$version" | sort -V | head -n 1)
[ "$oldest" = 3.25 ] ||
  die "CMake $version is too old: 3.25 or newer is needed (Debian 12, Ubuntu 24.04, or pip install cmake)"
