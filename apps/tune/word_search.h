// Which words help: every word left out by itself, every candidate taken in by itself, then the best changes together.
//
// Judged by mIoU where there are masks, else by the share of pixels whose label is the same in the mirrored photo; in
// percent, at one scale and threshold.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "apps/tune/threshold_search.h"
#include "apps/tune/words_at_pixels.h"
#include "core/thread_pool.h"

namespace sclip {

inline constexpr double kLeastWordGain = 0.05;  // percent points that a change must bring to be suggested

struct WordSetting {
  float logit_scale = 0;
  float threshold = 0;
  std::optional<float> area_thd{};
  LowScores low = LowScores::kBecomeClass0;
  // Class 0's words are not to be judged. Without masks a background that takes more agrees more with itself.
  bool keep_class0 = false;
};

struct WordVerdict {
  int32_t word = 0;
  bool given = true;       // false: a candidate
  double best_share = 0;   // of the pixels: where it is the best of all words, taken in
  double gain = 0;         // objective with the word minus without it, all others as given
  bool suggested = false;  // is in the suggested set
};

struct WordResult {
  std::vector<WordVerdict> verdicts;  // of words that may go (their class keeps another) and of candidates, in order
  std::vector<uint8_t> suggested;     // (K) the active words of the suggested set
  double before = 0, after = 0;       // objective of the given and of the suggested set
};

double judge_words(std::span<const PhotoSample> photos, const WordChoice& words, const WordSetting& setting,
                   ThreadPool& pool);

// `words.active` are the given ones, the others candidates. From the given set on, the single change that gains most is
// made as long as one gains kLeastWordGain or more; no class loses its last word.
WordResult search_words(std::span<const PhotoSample> photos, const WordChoice& words, const WordSetting& setting,
                        ThreadPool& pool);

}  // namespace sclip
