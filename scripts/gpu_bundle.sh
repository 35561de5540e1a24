#!/bin/sh
# Packs what build-gpu holds (`make gpu-bundle` builds it) into out/gpu-bundle and out/gpu-bundle.tar.gz: programs, the
# libraries that a bare system lacks, gpu-check with what it reads, and no build tree. Fails above MOST_MIB.
#
# usage: scripts/gpu_bundle.sh [BUILD [OUT]]
set -eu
cd "$(dirname "$0")/.."
build=${1:-build-gpu}
bundle=${2:-out/gpu-bundle}
MOST_MIB=60
programs="sclip sclip_kernel_tests sclip_unit_tests sclip_cuda_tests sclip_cuda_bench sclip_cudnn_bench sclip_cuda_ceilings
          sclip_gemm_bench sclip_encoder_bench sclip_photo_bench"
# Small ones as they are. oneDNN takes 38 MiB: packed, and unpacked by gpu-check into its own folder.
libraries="libhwy.so.1 libutf8proc.so.2 libnettle.so.8 libgomp.so.1 libOpenCL.so.1 libjpeg.so.62 libpng16.so.16"
packed_libraries="libdnnl.so.2"

rm -rf "$bundle"
mkdir -p "$bundle/bin/cudasim-lib" "$bundle/lib" "$bundle/licences"

for program in $programs; do
  # Without cuDNN on the building machine its benchmark is not there.
  if [ "$program" = sclip_cudnn_bench ] && [ ! -x "$build/$program" ]; then
    echo "gpu_bundle: $build has no $program: cuDNN will not be measured" >&2
    continue
  fi
  strip -o "$bundle/bin/$program" "$build/$program"
done
strip -o "$bundle/bin/cudasim" "$build/cudasim"
for library in "$build"/cudasim-lib/*.so.*; do strip -o "$bundle/bin/cudasim-lib/$(basename "$library")" "$library"; done
for library in "$build"/lib/libsclip_*.so; do strip -o "$bundle/lib/$(basename "$library")" "$library"; done

# Where the loader finds a library, and its package's licence.
find_library() {
  LD_LIBRARY_PATH="$build/lib" ldd "$build/sclip" "$build/sclip_kernel_tests" |
    awk -v name="$1" '$1 == name && $3 != "" { print $3; exit }'
}
keep_licence() {
  package=$(dpkg -S "$(realpath "$1")" 2>/dev/null | head -n 1 | cut -d: -f1)
  if [ -z "$package" ] || [ ! -e "/usr/share/doc/$package/copyright" ]; then
    echo "gpu_bundle: no package says under which licence $1 is: it cannot be handed on" >&2
    exit 1
  fi
  cp -L "/usr/share/doc/$package/copyright" "$bundle/licences/$(basename "$1").txt"
}
for library in $libraries $packed_libraries; do
  path=$(find_library "$library")
  if [ -z "$path" ]; then
    echo "gpu_bundle: $library is not among the libraries of $build/sclip" >&2
    exit 1
  fi
  keep_licence "$path"
  case " $packed_libraries " in
    *" $library "*) xz -T0 -6 -c "$path" >"$bundle/lib/$library.xz" ;;
    *) cp -L "$path" "$bundle/lib/$library" ;;
  esac
done

# What a bare system with CUDA 13 brings; everything else that a program loads must be in the bundle.
there=' linux-vdso.so.1 libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libstdc++.so.6 libgcc_s.so.1 libz.so.1 libcudart.so.13 libcublasLt.so.13
  libcudnn.so.9 '
for program in $programs; do
  [ -x "$bundle/bin/$program" ] || continue
  for library in $(LD_LIBRARY_PATH="$build/lib" ldd "$build/$program" | awk '$2 == "=>" { print $1 }'); do
    case "$library $there" in *" $library "*) continue ;; esac
    if [ ! -e "$bundle/lib/$library" ] && [ ! -e "$bundle/lib/$library.xz" ]; then
      echo "gpu_bundle: $program needs $library, which is not in the bundle: build without it, or list it" >&2
      exit 1
    fi
  done
done

# Data and Python: the folders of the source tree.
for path in LICENSE benchmarks/gpu_check benchmarks/contestants benchmarks/cuda/devices.json tests/reference weights/convert \
    weights/tensors.csv weights/demo/demo-clip.sclip weights/demo/MODEL_CARD.md tests/data/photos tests/data/goldens tests/data/pamr; do
  mkdir -p "$bundle/$(dirname "$path")"
  cp -RL "$path" "$bundle/$path"
done
find "$bundle" -name __pycache__ -prune -exec rm -rf {} +
xz -T0 -6 "$bundle/weights/demo/demo-clip.sclip"  # half of it; gpu-check unpacks it where it is
cp scripts/gpu-check "$bundle/gpu-check"
cp docs/gpu.md "$bundle/README.md"

mib=$(du -s --apparent-size --block-size=1M "$bundle" | cut -f1)
if [ "$mib" -gt "$MOST_MIB" ]; then
  echo "gpu_bundle: $bundle takes $mib MiB, and at most $MOST_MIB are allowed" >&2
  du -a --apparent-size --block-size=1K "$bundle" | sort -rn | head -n 20 >&2
  exit 1
fi
tar -C "$(dirname "$bundle")" -czf "$bundle.tar.gz" "$(basename "$bundle")"
echo "$bundle: $mib MiB; $bundle.tar.gz: $(du --apparent-size --block-size=1M "$bundle.tar.gz" | cut -f1) MiB"
