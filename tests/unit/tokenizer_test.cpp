#include "engine/text/tokenizer.h"

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "core/file.h"
#include "sclip/error.h"
#include "tests/catch.h"

using namespace sclip;
using Ids = std::vector<int32_t>;

namespace {

const Tokenizer& clip() {
  static const Tokenizer tokenizer(read_text_file(SCLIP_SOURCE_DIR "/engine/text/data/clip_merges.txt"));
  return tokenizer;
}

// "lo", "low</w>", "ow</w>", "low</w>" would exist already: a tiny table with a priority to get wrong.
constexpr std::string_view kTinyMerges = "l o\ne r</w>\nlo w\nlow er</w>\na a\n";

std::string error_of(std::string_view merges) {
  try {
    const Tokenizer tokenizer(merges);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kCorruptData);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the tokenizer gives open_clip's ids", "[tokenizer]") {
  const auto golden = nlohmann::json::parse(read_text_file(SCLIP_SOURCE_DIR "/tests/data/tokenizer/open_clip.json"));
  REQUIRE(golden.at("samples").size() > 300);
  for (const auto& sample : golden.at("samples")) {
    const auto text = sample.at(0).get<std::string>();
    CAPTURE(text);
    CHECK(clip().encode(text) == sample.at(1).get<Ids>());
  }
}

TEST_CASE("the tokenizer knows CLIP's vocabulary", "[tokenizer]") {
  CHECK(clip().vocab_size() == 49408);
  CHECK(clip().sot() == 49406);
  CHECK(clip().eot() == 49407);
  CHECK(clip().encode_prompt("a photo of a cat.") == Ids{49406, 320, 1125, 539, 320, 2368, 269, 49407});
  CHECK(clip().encode_prompt("") == Ids{49406, 49407});
  CHECK(clip().encode(" \n\t").empty());
}

TEST_CASE("merging follows the table's order", "[tokenizer]") {
  const Tokenizer tiny(kTinyMerges);
  CHECK(tiny.vocab_size() == 512 + 5 + 2);
  CHECK(tiny.encode("lower") == Ids{515});
  CHECK(tiny.encode("low") == Ids{512, 256 + ('w' - '!')});  // "lo w" joins a w inside a word only
  // Overlapping pairs merge from the left: aa aa a, and the last a ends the word.
  CHECK(tiny.encode("aaaaa") == Ids{516, 516, 256 + ('a' - '!')});
  CHECK(tiny.encode("LOWER lower") == Ids{515, 515});
}

TEST_CASE("merges may end without a newline or in CRLF", "[tokenizer]") {
  CHECK(Tokenizer("l o\r\nlo w\r\n").encode("low") == Tokenizer("l o\nlo w").encode("low"));
}

TEST_CASE("a word of 16,000 letters is tokenised quickly", "[tokenizer]") {
  std::string word;
  while (word.size() < 16000) word += "abracadabra";
  const Ids ids = clip().encode(word);
  CHECK(ids.size() > 1000);
  CHECK(clip().decode(ids) == word + " ");
}

TEST_CASE("malformed merges name the line", "[tokenizer]") {
  CHECK_THAT(error_of(""), Catch::Contains("empty"));
  CHECK_THAT(error_of("a b\n\nc d\n"), Catch::Contains("line 2"));
  CHECK_THAT(error_of("a b\nabc\n"), Catch::Contains("line 2 of the tokenizer's merges is 'abc'"));
  CHECK_THAT(error_of("a b c\n"), Catch::Contains("line 1"));
  CHECK_THAT(error_of(" a\n"), Catch::Contains("line 1"));
  CHECK_THAT(error_of("a b\nabc d\n"), Catch::Contains("the first is neither a byte nor made by an earlier line"));
  CHECK_THAT(error_of("a b\na b\n"), Catch::Contains("'ab', which exists already"));
  CHECK_THAT(error_of("a b\nab c\nb c\na bc\n"), Catch::Contains("'abc', which exists already"));
  CHECK_THAT(error_of(std::string("a \0", 3)), Catch::Contains("line 1"));
}

TEST_CASE("a prompt over the context is an error, or truncated", "[tokenizer]") {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "cat ";
  CHECK_THROWS_WITH(clip().encode_prompt(text),
                    Catch::Contains("'cat cat") && Catch::Contains("202 tokens") && Catch::Contains("context of 77"));
  const Ids cut = clip().encode_prompt(text, 77, Overflow::kTruncate);
  REQUIRE(cut.size() == 77);
  CHECK(cut.front() == clip().sot());
  CHECK(cut[75] == 2368);
  CHECK(cut.back() == clip().eot());
  CHECK(clip().encode_prompt(text.substr(0, 4 * 75)).size() == 77);
  CHECK_THROWS_AS(clip().encode_prompt(text.substr(0, 4 * 76)), Error);
  CHECK_THROWS_WITH(clip().encode_prompt("a", 1), Catch::Contains("context of 1"));
}

TEST_CASE("a text of over 16 KiB is refused", "[tokenizer]") {
  CHECK(clip().encode(std::string(Tokenizer::kMaxTextBytes, ' ')).empty());
  CHECK_THROWS_WITH(clip().encode(std::string(Tokenizer::kMaxTextBytes + 1, ' ')), Catch::Contains("16385 bytes"));
}

TEST_CASE("special tokens have two spellings", "[tokenizer]") {
  const Tokenizer openai(kTinyMerges, SpecialTokens::kOpenAi);
  const Tokenizer open_clip(kTinyMerges);
  CHECK(openai.encode("<|startoftext|>") == Ids{openai.sot()});
  CHECK(openai.encode("<|ENDOFTEXT|>") == Ids{openai.eot()});
  CHECK(openai.encode("<end_of_text>").size() == 13);
  CHECK(open_clip.encode("<start_of_text> <end_of_text>") == Ids{open_clip.sot(), open_clip.eot()});
  CHECK(open_clip.encode("<|endoftext|>").size() == 13);
}

TEST_CASE("decode undoes encode up to spaces", "[tokenizer]") {
  CHECK(clip().decode(clip().encode_prompt("A photo, of 日本!")) == "<start_of_text>a photo , of 日本 ! <end_of_text>");
  CHECK_THROWS_WITH(clip().decode(Ids{49408}), Catch::Contains("49408"));
  CHECK_THROWS_AS(clip().decode(Ids{-1}), Error);
}

TEST_CASE("one tokenizer serves many threads", "[tokenizer]") {
  const Ids expected = clip().encode("a photo of the hydrangea’s naïve façade");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) wrong[t] += clip().encode("a photo of the hydrangea’s naïve façade") != expected;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}
