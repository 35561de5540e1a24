#include "engine/text/class_syntax.h"

#include <algorithm>

#include "core/utf8.h"
#include "engine/text/lines.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr char kEnd = '\0';

struct Word {
  std::string text;
  bool quoted = false;
  char end = kEnd;  // what ended it: ',', '=', ';' or the end of the text
};

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
}

class Reader {
 public:
  Reader(std::string_view& text, ClassSyntax syntax, std::string_view place)
      : text_(text), syntax_(syntax), place_(place) {}

  Word read() {
    skip_blanks(text_);
    return text_.starts_with('"') ? read_quoted() : read_bare();
  }

 private:
  Word read_quoted() {
    Word word{.text = {}, .quoted = true};
    const std::string shown = shorten_utf8(text_, 60);
    text_.remove_prefix(1);
    for (;;) {
      const size_t quote = text_.find('"');
      SCLIP_CHECK(quote != std::string_view::npos, kInvalidArgument, place_,
                  " opens a quote that nothing closes: ", shown,
                  "; write the second '\"', or two of them where a name holds one");
      word.text += text_.substr(0, quote);
      text_.remove_prefix(quote + 1);
      if (!text_.starts_with('"')) break;
      word.text += '"';
      text_.remove_prefix(1);
    }
    word.text = trim(word.text);
    skip_blanks(text_);
    if (text_.empty()) return word;
    const char next = text_.front();
    SCLIP_CHECK(next == ',' || next == '=' || (next == ';' && syntax_ == ClassSyntax::kArgument), kInvalidArgument,
                place_, " goes on behind the closing quote of \"", shorten_utf8(word.text, 60),
                "\": put the whole name between the quotes");
    word.end = next;
    text_.remove_prefix(1);
    return word;
  }

  bool ends_at(size_t i) const {
    switch (text_[i]) {
      case '=': return true;
      case ';': return syntax_ == ClassSyntax::kArgument;
      case ',':
        return syntax_ == ClassSyntax::kArgument || i + 1 == text_.size() ||
               kBlanks.find(text_[i + 1]) != std::string_view::npos;
      default: return false;
    }
  }

  Word read_bare() {
    size_t end = 0;
    while (end < text_.size() && !ends_at(end)) ++end;
    Word word{.text = std::string(trim(text_.substr(0, end)))};
    if (end < text_.size()) word.end = text_[end++];
    text_.remove_prefix(end);
    return word;
  }

  std::string_view& text_;
  ClassSyntax syntax_;
  std::string_view place_;
};

}  // namespace

ClassText read_class(std::string_view& text, ClassSyntax syntax, std::string_view place) {
  ClassText out;
  Reader reader(text, syntax, place);
  for (;;) {
    Word word = reader.read();
    if (!word.quoted && syntax == ClassSyntax::kLine) {
      if (!out.tight_comma && word.text.find(',') != std::string::npos) out.tight_comma = word.text;
      if (!out.semicolon && word.text.find(';') != std::string::npos) out.semicolon = word.text;
    }
    if (word.end == '=') {
      SCLIP_CHECK(!out.shown && out.names.empty(), kInvalidArgument, place, " has an '=' behind '",
                  shorten_utf8(word.text, 60),
                  "': one may stand behind the first name, which is then only shown; quote a name that holds one");
      SCLIP_CHECK(!word.text.empty(), kInvalidArgument, place,
                  " begins with '=': write the name to show before it, or quote a name that holds one");
      out.shown = std::move(word.text);
      continue;
    }
    out.names.push_back(std::move(word.text));
    if (word.end != ',') return out;
  }
}

}  // namespace sclip
