#!/bin/sh
# Makes the bundled file from a training run's checkpoint: convert.sh demo.pt OUT.sclip. The words lie beside it, in demo.words.
set -eu
checkpoint=$(realpath "$1")
out=$(realpath -m "$2")
here=$(cd "$(dirname "$0")" && pwd)
setting() { sed -n "/^\[$1\]/,/^\[/s/^$2 = \([0-9]*\).*/\1/p" "$here/config.toml"; }
cd "$here/../../convert"
"${PYTHON:-python3}" -m sclip_convert --from openai "$checkpoint" -o "$out" --dtype f16 --name demo-clip \
  --crop "$(setting blob crop)" --stride "$(setting blob stride)" --short-side "$(setting blob short_side)" \
  --known-words "$(cat "${checkpoint%.pt}.words")" \
  --licence "non-commercial research: trained on CamVid (CC BY-NC 4.0), LabelMeFacade, PASCAL VOC, COCO, SUN, Caltech-101 and other photographs for research" \
  --notes "A demonstration model of 15 M parameters that knows about two hundred words and cannot embed others. Not a good segmenter."
