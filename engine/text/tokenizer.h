// Tokenizer: CLIP's byte-level BPE, from a string to the ids that the text tower embeds.
//
// Ids are those of open_clip's SimpleTokenizer: text_clean.h, then word_scanner.h, then bpe.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/bpe.h"
#include "engine/text/word_scanner.h"

namespace sclip {

inline constexpr int kClipContext = 77;

// What becomes of a prompt that does not fit the context.
enum class Overflow {
  kError,     // fail, naming the text and the counts
  kTruncate,  // keep the first tokens; the last one is EOT, as in CLIP
};

// Immutable once built, hence safe to share between threads.
class Tokenizer {
 public:
  // Longer texts are refused: no prompt of 77 tokens comes close, and cleaning is not linear.
  static constexpr size_t kMaxTextBytes = 16 * 1024;

  // `merges` is the BPE table, one pair "left right" a line, best first; CLIP's has 48,894 lines.
  // A malformed table is kCorruptData, naming the line.
  explicit Tokenizer(std::string_view merges, SpecialTokens special = SpecialTokens::kOpenClip);
  explicit Tokenizer(std::span<const std::byte> merges, SpecialTokens special = SpecialTokens::kOpenClip);

  // Ids of the text alone. Bytes that are not UTF-8 count as U+FFFD.
  std::vector<int32_t> encode(std::string_view utf8) const;

  // SOT, ids, EOT; at most `context` of them, unpadded.
  std::vector<int32_t> encode_prompt(std::string_view utf8, int context = kClipContext,
                                     Overflow overflow = Overflow::kError) const;

  // For people: words joined by spaces; unknown ids are an error.
  std::string decode(std::span<const int32_t> ids) const;

  int32_t sot() const { return merges_.vocab_size(); }
  int32_t eot() const { return merges_.vocab_size() + 1; }
  int32_t vocab_size() const { return merges_.vocab_size() + 2; }

 private:
  void append_ids(std::string_view utf8, std::vector<int32_t>& ids) const;

  BpeMerges merges_;
  SpecialTokens special_;
};

}  // namespace sclip
