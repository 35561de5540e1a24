#!/bin/sh
# Packs what build-tarball and build-deb hold (`make dist` builds them): sclip-VERSION-linux-x86_64.tar.gz, which needs
# nothing but glibc, and a Debian package. packaging/README.md says what is in them.
#
# usage: scripts/dist.sh [OUT]
set -eu
cd "$(dirname "$0")/.."
out=${1:-out/dist}
# What every glibc brings. All other libraries come along.
glibc=' ld-linux-x86-64.so.2 libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 linux-vdso.so.1 '
# Of these, headers are compiled in.
headers='libcli11-dev libhwy-dev libstb-dev nlohmann-json3-dev'

die() { echo "dist: $*" >&2; exit 1; }
version=$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' build-tarball/CMakeCache.txt)
name=sclip-$version-linux-$(uname -m)
rm -rf "$out"
mkdir -p "$out"
out=$(realpath "$out")
tree=$out/$name
cmake --install build-tarball --strip --prefix "$tree" >/dev/null
licences=$tree/share/doc/sclip/licences
mkdir -p "$licences"

keep_licence() {  # of a package, with the common texts that it refers to
  [ -e "/usr/share/doc/$1/copyright" ] || die "no package says under which licence $1 is: it cannot be handed on"
  cp -L "/usr/share/doc/$1/copyright" "$licences/$1.txt"
  for text in $(grep -o '/usr/share/common-licenses/[A-Za-z0-9.-]*[A-Za-z0-9]' "$licences/$1.txt" | sort -u); do
    [ ! -e "$text" ] || cp -L "$text" "$licences/$(basename "$text")"
  done
}
origin() { dpkg-query -W -f='${binary:Package} ${Version}, of the source package ${source:Package} ${source:Version}\n' "$1"; }

ldd "$tree/bin/sclip" "$tree/lib/libsclip.so.0" >"$out/ldd" || die "ldd cannot read what was installed"
awk '$2 == "=>" { print $1, $3 }' "$out/ldd" | sort -u >"$out/needed"
: >"$out/bundled"
while read -r library path; do
  case "$glibc" in *" $library "*) continue ;; esac
  [ ! -e "$tree/lib/sclip/$library" ] || continue  # of this project
  [ -e "$path" ] || die "$library is nowhere: $path"
  package=$(dpkg -S "$(realpath "$path")" 2>/dev/null | head -n 1 | cut -d: -f1)
  [ -n "$package" ] || package=$(dpkg -S "$path" 2>/dev/null | head -n 1 | cut -d: -f1)
  [ -n "$package" ] || die "$path is of no package: nobody says under which licence it is"
  cp -L "$path" "$tree/lib/sclip/$library"
  keep_licence "$package"
  echo "$library: $(origin "$package")" >>"$out/bundled"
done <"$out/needed"
for package in $headers; do
  keep_licence "$package"
  echo "headers: $(origin "$package")" >>"$out/bundled"
done
cp io/fonts/LICENSE.dejavu.txt "$licences/"
{
  cat packaging/tarball/licences.txt
  cat "$out/bundled"
} >"$licences/README"
rm "$out/ldd" "$out/needed" "$out/bundled"

time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
tar -C "$out" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time" -cf - "$name" | gzip -6n >"$tree.tar.gz"
rm -rf "$tree"

(cd build-deb && cpack >cpack.log 2>&1) || { cat build-deb/cpack.log >&2; die "CPack made no package"; }
cp build-deb/packages/*.deb "$out/"
for file in "$out"/*; do echo "$file: $(du --apparent-size --block-size=1M "$file" | cut -f1) MiB"; done
