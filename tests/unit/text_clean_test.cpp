#include "engine/text/text_clean.h"

#include "core/utf8.h"
#include "engine/text/html_unescape.h"
#include "engine/text/text_fix.h"
#include "engine/text/word_scanner.h"
#include "tests/catch.h"

using namespace sclip;

namespace {

std::string fixed(std::string_view text) {
  return encode_utf8(fix_text(decode_utf8(text)));
}

std::string unescaped(std::string_view text) {
  return encode_utf8(unescape_html(decode_utf8(text)));
}

std::string lower(std::string_view text) {
  return encode_utf8(to_lower(decode_utf8(text)));
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  size_t pos = 0;
  for (;;) {
    const std::string_view word = next_word(text, pos, SpecialTokens::kOpenClip);
    if (word.empty()) return out;
    out.emplace_back(word);
  }
}
using WordList = std::vector<std::string>;

}  // namespace

TEST_CASE("invalid UTF-8 becomes U+FFFD, one per maximal prefix", "[text]") {
  const auto replaced = [](std::string_view text) { return encode_utf8(decode_utf8(text)); };
  CHECK(replaced("a\xFF"
                 "b") == "a\uFFFDb");
  CHECK(replaced("\xC0\x80") == "\uFFFD\uFFFD");            // overlong
  CHECK(replaced("\xE2\x82") == "\uFFFD");                  // cut at the end
  CHECK(replaced("\xE2\x82x") == "\uFFFDx");                // cut by a letter
  CHECK(replaced("\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD");  // a surrogate
  CHECK(replaced("\xF4\x90\x80\x80") == "\uFFFD\uFFFD\uFFFD\uFFFD");
  CHECK(replaced("\xF0\x9F\x98") == "\uFFFD");
  CHECK(replaced("\xF4\x8F\xBF\xBF é 日") == "\U0010FFFF é 日");
}

TEST_CASE("messages shorten texts between characters", "[text]") {
  CHECK(shorten_utf8("ab\ncd", 10) == "ab?cd");
  CHECK(shorten_utf8("日本語", 7) == "日本…");
  CHECK(shorten_utf8("日本語", 9) == "日本語");
  CHECK(shorten_utf8_front("日本語", 9) == "日本語");
  CHECK(shorten_utf8_front("日本語", 8) == "…本語");
  CHECK(shorten_utf8_front("a\nb/\xFF", 4) == "…/\uFFFD");
}

TEST_CASE("text fixes are ftfy's", "[text]") {
  CHECK(fixed("‘a’ “b” ‚c‛ „d‟ ʼ") == "'a' \"b\" 'c' \"d\" '");
  CHECK(fixed("ﬂuﬃeﬆ Ĳ ŉ ǆ") == "fluffiest IJ 'n dž");
  CHECK(fixed("ＬＯＵＤ　Ｕﾀｰﾝ ￣") == "LOUD Uターン  \u0304");
  CHECK(fixed("a\r\nb\rc\u2028d\u2029e") == "a\nb\nc\nd\ne");
  CHECK(fixed("\x1b[36;44mblue\x1b[0m \x1b[x \x1b[;") == "blue  [;");
  CHECK(fixed(std::string_view("a\0b\x7F\x0B\uFEFF\uFFFC\u206A.", 16)) == "ab.");
  CHECK(fixed("e\u0301 A\u030A \u212B") == "é Å Å");
  CHECK(fixed("a\u0093b\u0085") == "a\"b…");
  CHECK(fixed("\u200D\u00AD") == "\u200D\u00AD");
}

TEST_CASE("references are read before tags only", "[text]") {
  CHECK(fixed("&eacute; &EACUTE; &amp;amp; &eacute &#233; &#59; &nonsense;") == "é É & &eacute é &#59; &nonsense;");
  CHECK(fixed("<&eacute;\n&eacute;") == "<&eacute;\n&eacute;");
  CHECK(fixed("&eacute;\n<&eacute;") == "é\n<&eacute;");
}

TEST_CASE("HTML references follow html.unescape", "[text]") {
  CHECK(unescaped("&lt;&gt;&amp;&quot;&#39;&nbsp;") == "<>&\"'\u00A0");
  CHECK(unescaped("&notit; &notin; &ampx &LT") == "¬it; ∉ &x <");
  CHECK(unescaped("&#x41;&#X42&#67 &#;&#x; &") == "ABC &#;&#x; &");
  CHECK(unescaped("&#0;&#xD800;&#x110000;&#99999999999999999999;") == "\uFFFD\uFFFD\uFFFD\uFFFD");
  CHECK(unescaped("&#x80;&#x81;&#1;&#xFFFE;&#13;") == "€\u0081\r");
  CHECK(unescaped("&NotEqualTilde;") == "≂̸");
  CHECK(unescaped("&CounterClockwiseContourIntegral;") == "∳");
  CHECK(unescaped("&é; &a&amp;") == "&é; &a&");
}

TEST_CASE("lower case is Python's", "[text]") {
  CHECK(lower("ÀÉ İI ẞ K") == "àé i̇i ß k");
  CHECK(lower("ΑΣ ΑΣΑ Σ ΑΣ. Α.Σ ΑΣ\u0301 ΑΣ'Α") == "ας ασα σ ας. α.ς ας\u0301 ασ'α");
}

TEST_CASE("whitespace is Python's", "[text]") {
  CHECK(clean_text("  A\tphoto \r\n\f of ") == "a photo of");
  CHECK(clean_text("\u3000a\u00A0\u2003b\u205F") == "a b");
  CHECK(clean_text("a&nbsp;b&amp;nbsp;c") == "a b c");
  CHECK(clean_text("a\u200Bb") == "a\u200Bb");
}

TEST_CASE("cleaning always gives valid UTF-8", "[text]") {
  for (int lead = 0x80; lead < 0x100; ++lead) {
    const std::string cleaned = clean_text(std::string("A") + static_cast<char>(lead) + "B");
    CHECK(encode_utf8(decode_utf8(cleaned)) == cleaned);
  }
}

TEST_CASE("words are those of CLIP's regular expression", "[text]") {
  CHECK(words("a person's dog, isn't 3.14!") ==
        WordList{"a", "person", "'s", "dog", ",", "isn", "'t", "3", ".", "1", "4", "!"});
  CHECK(words("we're they've i'm he'll i'd 'x !'s") ==
        WordList{"we", "'re", "they", "'ve", "i", "'m", "he", "'ll", "i", "'d", "'", "x", "!'", "s"});
  CHECK(words("'\u017Ft 'LL") == WordList{"'\u017F", "t", "'LL"});  // the long s is an s
  CHECK(words("日本2語 x̂") == WordList{"日本", "2", "語", "x", "\u0302"});
  CHECK(words("!\u0345!") == WordList{"!", "!"});
  CHECK(words("<start_of_text>a<end_of_text<") ==
        WordList{"<start_of_text>", "a", "<", "end", "_", "of", "_", "text", "<"});
  CHECK(words("").empty());
}
