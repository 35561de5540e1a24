// The small part of regular expressions that ftfy's patterns need: alternatives of sequences of character sets.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/text/unicode.h"

namespace sclip {

struct CodePointRange {
  char32_t first;
  char32_t last;
};

// `ranges` ascend.
inline bool contains(std::span<const CodePointRange> ranges, char32_t c) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), c,
                                      [](char32_t value, const CodePointRange& range) { return value < range.first; });
  return after != ranges.begin() && c <= std::prev(after)->last;
}

// Numbers of sets, one per character; 0 ends the sequence.
struct SetSequence {
  static constexpr uint8_t kWord = 254;       // Python's \w
  static constexpr uint8_t kBeginning = 255;  // takes no character: the beginning of the text
  uint8_t sets[8];
};

// Numbered sets: set i > 0 is ranges[ends[i - 1]] to ranges[ends[i]].
struct CharacterSets {
  std::span<const CodePointRange> ranges;
  std::span<const uint16_t> ends;

  bool has(uint8_t set, char32_t c) const {
    if (set == SetSequence::kWord) return c == U'_' || is_letter(c) || is_number(c);
    return contains(ranges.subspan(ends[set - 1u], static_cast<size_t>(ends[set] - ends[set - 1u])), c);
  }

  // How many characters the first alternative that fits takes at `pos`; 0 if none fits. No alternative is empty.
  template <typename Text>
  size_t match(std::span<const SetSequence> alternatives, const Text& text, size_t pos) const {
    for (const SetSequence& sequence : alternatives) {
      size_t end = pos;
      bool fits = true;
      for (const uint8_t set : sequence.sets) {
        if (set == 0 || !fits) break;
        if (set == SetSequence::kBeginning) {
          fits = pos == 0;
        } else {
          fits = end < text.size() && has(set, static_cast<char32_t>(text[end]));
          ++end;
        }
      }
      if (fits) return end - pos;
    }
    return 0;
  }
};

}  // namespace sclip
