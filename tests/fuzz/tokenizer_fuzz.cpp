// libFuzzer: any bytes as a text, and any bytes as a merge table, end in ids of the vocabulary or in an Error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/utf8.h"
#include "engine/text/text_clean.h"
#include "engine/text/tokenizer.h"
#include "sclip/error.h"

namespace {

constexpr std::string_view kMerges = "t h\ni n\na n\nth e</w>\ne r\na a\naa aa\n\xC3\xA3 \xC4\xA4\n";

void require(bool condition) {
  if (!condition) std::abort();
}

void check_text(const sclip::Tokenizer& tokenizer, std::string_view text) {
  for (const int32_t id : tokenizer.encode(text)) require(id >= 0 && id < tokenizer.vocab_size());
  const auto prompt = tokenizer.encode_prompt(text, sclip::kClipContext, sclip::Overflow::kTruncate);
  require(prompt.size() <= sclip::kClipContext && prompt.back() == tokenizer.eot());
  tokenizer.decode(prompt);
  const std::string cleaned = sclip::clean_text(text);
  require(sclip::encode_utf8(sclip::decode_utf8(cleaned)) == cleaned);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const sclip::Tokenizer kTokenizer(kMerges);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_text(kTokenizer, text);
  try {
    check_text(sclip::Tokenizer(text), "the hydrangea's façade");
  } catch (const sclip::Error&) {
  }
  return 0;
}
