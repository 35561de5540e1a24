// Synonyms that the built-in class lists have for somebody's classes.
#pragma once

#include <cstdint>
#include <vector>

#include "sclip/class_list.h"

namespace sclip {

// The given words and the candidates, class by class, the given ones of a class first.
struct WordsWithCandidates {
  ClassList classes;
  std::vector<uint8_t> given;  // (K)
};

// A class of a built-in list stands for one of `list` when they are called the same, or, but for background, share a
// word. Its words become candidates unless some class of `list` has them already. Case does not count.
WordsWithCandidates with_candidates(const ClassList& list);
WordsWithCandidates without_candidates(const ClassList& list);

// Without the words that a model with a closed vocabulary was not trained on; the given ones stay.
struct ModelConfig;
WordsWithCandidates known_to(const ModelConfig& model, const WordsWithCandidates& words);

// What --classes takes for the words that are active: "sky; building, house".
std::string class_argument(const ClassList& classes, const std::vector<uint8_t>& active);

}  // namespace sclip
