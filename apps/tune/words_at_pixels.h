// What tuning keeps of a photo, and what labels and scores its cosines give: the rule of label_planes/label_rule.h, in
// double, for any choice among the words.
//
//   label  the class of the best word (lowest word on ties) among the classes that the area filter keeps; no scale
//          changes it
//   score  softmax over the chosen words of logit_scale · cosine, at that word
// A threshold then gives pixels with a lower score to class 0, or to no class.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sclip {

constexpr int32_t kNoClass = -1;  // as truth: not counted; as label: below the threshold, with an ignore label

struct PhotoSample {
  std::string name;
  int64_t pixels = 0;           // n
  std::vector<float> cosines;   // (K, n)
  std::vector<float> mirrored;  // (K, n) of the mirrored photo at the same places; empty where there is a truth
  std::vector<int32_t> truth;   // (n) class or kNoClass; empty without a mask
};

// K words, the classes that they stand for, and which of them take part.
struct WordChoice {
  std::vector<int32_t> query_class;  // (K) each in [0, classes)
  std::vector<uint8_t> active;       // (K)
  int64_t classes = 0;               // Q

  int64_t words() const { return static_cast<int64_t>(query_class.size()); }
};

struct PixelLabels {
  std::vector<int32_t> label;  // (n)
  std::vector<float> best;     // (n) cosine of the label's best word
  std::vector<int32_t> word;   // (n) that word
};

// Throws kInvalidArgument where class 0 has no active word and the area filter could remove all others.
PixelLabels label_pixels(std::span<const float> cosines, int64_t pixels, const WordChoice& words,
                         std::optional<float> area_thd);

// (n) the score of each pixel's label.
std::vector<double> score_pixels(std::span<const float> cosines, const PixelLabels& labels, const WordChoice& words,
                                 double logit_scale);

// (n) the sum over the active words of class `classes_at[i]` of their probability at pixel i.
std::vector<double> class_probability(std::span<const float> cosines, std::span<const int32_t> classes_at,
                                      const WordChoice& words, double logit_scale);

}  // namespace sclip
