// Cuts cleaned text into the words that BPE merges: CLIP's regular expression as a hand-written scanner.
//
//   <start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+   ignoring case
//
// Two consequences of "ignoring case" in Python's `regex` are kept: U+017F (long s) counts as an s, and
// U+0345, which folds to the letter iota, is in no alternative and is skipped.
#pragma once

#include <cstddef>
#include <string_view>

namespace sclip {

// How a text spells the two special tokens. The libraries differ, and only for texts that contain them.
enum class SpecialTokens {
  kOpenClip,  // <start_of_text> and <end_of_text>
  kOpenAi,    // <|startoftext|> and <|endoftext|>
};
std::string_view sot_text(SpecialTokens special);
std::string_view eot_text(SpecialTokens special);

// The next word at or after `pos`, empty at the end of the text; `pos` moves behind it. `text` is valid UTF-8.
std::string_view next_word(std::string_view text, size_t& pos, SpecialTokens special);

}  // namespace sclip
