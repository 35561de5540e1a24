#include "engine/text/tokenizer.h"

#include "core/utf8.h"
#include "engine/text/text_clean.h"
#include "sclip/error.h"

namespace sclip {
namespace {

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Tokenizer::Tokenizer(std::string_view merges, SpecialTokens special) : merges_(merges), special_(special) {}

Tokenizer::Tokenizer(std::span<const std::byte> merges, SpecialTokens special) : Tokenizer(as_text(merges), special) {}

void Tokenizer::append_ids(std::string_view utf8, std::vector<int32_t>& ids) const {
  SCLIP_CHECK(utf8.size() <= kMaxTextBytes, kInvalidArgument, "the text '", shorten_utf8(utf8, 40), "' has ",
              utf8.size(), " bytes, more than the ", kMaxTextBytes, " that the tokenizer accepts: shorten it");
  const std::string text = clean_text(utf8);
  BpeMerges::Scratch scratch;
  size_t pos = 0;
  for (;;) {
    const std::string_view word = next_word(text, pos, special_);
    if (word.empty()) return;
    if (word == sot_text(special_)) {
      ids.push_back(sot());
    } else if (word == eot_text(special_)) {
      ids.push_back(eot());
    } else {
      merges_.append_word(word, scratch, ids);
    }
  }
}

std::vector<int32_t> Tokenizer::encode(std::string_view utf8) const {
  std::vector<int32_t> ids;
  append_ids(utf8, ids);
  return ids;
}

std::vector<int32_t> Tokenizer::encode_prompt(std::string_view utf8, int context, Overflow overflow) const {
  SCLIP_CHECK(context >= 2, kInvalidArgument, "a context of ", context,
              " tokens has no room for the start and end tokens: use at least 2");
  std::vector<int32_t> ids{sot()};
  append_ids(utf8, ids);
  ids.push_back(eot());
  const auto limit = static_cast<size_t>(context);
  if (ids.size() <= limit) return ids;
  SCLIP_CHECK(overflow == Overflow::kTruncate, kInvalidArgument, "the prompt '", shorten_utf8(utf8, 60), "' has ",
              ids.size(), " tokens with start and end, more than the model's context of ", context,
              ": shorten it or ask for truncation");
  ids.resize(limit);
  ids.back() = eot();
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  std::string text;
  for (const int32_t id : ids) {
    SCLIP_CHECK(id >= 0 && id < vocab_size(), kInvalidArgument, "token id ", id, " is outside the vocabulary of ",
                vocab_size(), " tokens");
    if (id == sot()) {
      text += sot_text(special_);
    } else if (id == eot()) {
      text += eot_text(special_);
    } else if (merges_.append_bytes(id, text)) {
      text += ' ';
    }
  }
  return text;
}

}  // namespace sclip
