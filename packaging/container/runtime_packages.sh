#!/bin/sh
# Prints the Debian or Ubuntu packages whose libraries a program loads, a line each. CUDA's are left out: the image for it has them.
#
# usage: runtime_packages.sh PROGRAM
set -eu
die() { echo "runtime_packages.sh: $*" >&2; exit 1; }
loaded=$(ldd "$1")
case $loaded in *'not found'*) die "libraries of $1 are missing: $loaded" ;; esac
libraries=$(echo "$loaded" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p')
[ -n "$libraries" ] || die "$1 loads no library: is it the program?"

packages=
for library in $libraries; do
  file=$(readlink -f "$library")
  case $file in /usr/local/cuda*) continue ;; esac
  # A package may have its files in /lib, which is a link to /usr/lib.
  found=$(dpkg-query -S "$file" 2>/dev/null || dpkg-query -S "${file#/usr}" 2>/dev/null) ||
    die "no package has $file"
  packages="$packages ${found%%:*}"
done
echo "$packages" | tr ' ' '\n' | sed '/^$/d' | sort -u

# Loaded by libheif when a picture asks for them, in releases that have them apart.
for plugin in libheif-plugin-libde265 libheif-plugin-dav1d; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$plugin" 2>/dev/null)" != installed ] || echo "$plugin"
done
