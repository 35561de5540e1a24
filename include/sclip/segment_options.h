// Everything that turns a photo and a text bank into a mask.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace sclip {

// What happens to the planes of cosines between merging and softmax.
struct Refinement {
  enum Kind : uint8_t { kNone, kPamr, kPearl };
  Kind kind = kNone;
  int iterations = 10;                         // of PEARL's steps 25 are published
  std::array<int64_t, 2> dilations = {8, 16};  // of PAMR, each 1 … 32; a second one of 0: only the first
  int64_t cells = 80;                          // of PEARL's grid, about as many a side, 1 … 1024

  bool operator==(const Refinement&) const = default;
};

struct SegmentOptions {
  int short_side = 336;   // S: the photo is scaled so that its short side has this many pixels
  int long_limit = 2048;  // … unless its long side would grow beyond this
  bool squash = false;    // … or to a square of S pixels a side, whatever its shape
  int crop = 224;         // window size; 0: the whole photo at once
  int stride = 112;
  float logit_scale = 40.f;
  float prob_thd = 0.f;               // a pixel whose best score is below becomes class 0 …
  std::optional<int> ignore_label{};  // … or gets this label, which is no class's: at most 65535
  std::optional<float> area_thd{};    // smallest share of the non-0 pixels that a class ≠ 0 must have
  std::string policy = "sclip";
  float temperature = 1.f;  // divides the scores of the last block's attention
  Refinement refine{};
  int window_batch = 0;  // windows in one forward; 0: what suits the backend
  bool record = true;    // on a device: photos of one size after the second replay a recording of the whole run

  bool operator==(const SegmentOptions&) const = default;
};

// Throws kInvalidArgument for values that cannot work.
void check(const Refinement& refine);

}  // namespace sclip
