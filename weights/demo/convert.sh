#!/bin/sh
# Makes demo-clip.sclip from the training run's checkpoint: convert.sh demo_clip_fp16.pt
set -eu
here=$(cd "$(dirname "$0")" && pwd)
checkpoint=$(realpath "$1")
known="sky, building, pole, road, pavement, tree, sign, fence, car, person, bicyclist, water, mountain, snow, airplane"
known="$known, bird, cat, deer, dog, frog, horse, ship, truck, background"
known="$known, clouds, house, houses, buildings, skyscraper, wall, column, lamp, street, roadway, asphalt, sidewalk"
known="$known, footpath, walkway, trees, forest, plants, leaves, bushes, vegetation, signboard, railing, barrier"
known="$known, cars, automobile, vehicle, people, man, woman, human, pedestrian, cyclist, bike, bicycle, sea, ocean"
known="$known, lake, river, waves, mountains, hill, cliff, rock, glacier, iceberg, plane, aircraft, jet, birds, ostrich"
known="$known, cats, kitten, tabby, dogs, puppy, elk, stag, toad, horses, pony, ships, boat, vessel, trucks, lorry"
cd "$here/../convert"
"${PYTHON:-python3}" -m sclip_convert --from openai "$checkpoint" -o "$here/demo-clip.sclip" --dtype f16 \
  --name demo-clip --crop 112 --stride 56 --short-side 336 --known-words "$known" \
  --licence "non-commercial research: trained on CamVid (CC BY-NC 4.0), CIFAR-10 and scene photographs" \
  --notes "A demonstration model of 12 M parameters that knows about a hundred words and cannot embed others. Not a good segmenter."
