#include "sclip/class_list.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "core/find_named.h"
#include "core/utf8.h"
#include "engine/text/builtin_data.h"
#include "engine/text/class_syntax.h"
#include "engine/text/lines.h"
#include "engine/text/text_clean.h"
#include "engine/text/text_file.h"
#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// Code points that show nothing and that no prompt keeps, besides white space.
bool shows_nothing(char32_t c) {
  return is_space(c) || c == 0xAD || c == 0x180E || (c >= 0x200B && c <= 0x200F) || c == 0x2060 || c == 0xFEFF;
}

bool is_blank(std::string_view name) {
  for (size_t pos = 0; pos < name.size();) {
    if (!shows_nothing(decode_utf8(name, pos))) return false;
  }
  return true;
}

// The tokenizer would end or begin the prompt within the name. Longer ones it refuses anyway.
void check_marks(std::string_view name, std::string_view place) {
  if (name.size() > Tokenizer::kMaxTextBytes) return;
  const std::string cleaned = clean_text(name);
  for (const SpecialTokens special : {SpecialTokens::kOpenClip, SpecialTokens::kOpenAi}) {
    for (const std::string_view mark : {sot_text(special), eot_text(special)}) {
      SCLIP_CHECK(cleaned.find(mark) == std::string::npos, kInvalidArgument, place, " names '", shorten_utf8(name, 60),
                  "', which holds ", mark, ": CLIP begins or ends a text with that; leave it out");
    }
  }
}

// Appends classes one by one and refuses what cannot be meant. `source` and `unit` only serve the messages:
// "classes.txt, line 3" or "--classes, class 3".
class Builder {
 public:
  Builder(std::string_view source, std::string_view unit) : source_(source), unit_(unit) {}

  // The class that stands at `number`; without one, behind the last.
  void begin_class(std::optional<size_t> number = {}) {
    number_ = number.value_or(names_.size() + 1);
    SCLIP_CHECK(names_.size() < ClassList::kMaxClasses, kInvalidArgument, source_, " lists more than ",
                ClassList::kMaxClasses, " classes, which a mask cannot hold: use fewer");
  }

  std::string place() const { return str(source_, ", ", unit_, " ", number_); }

  // `shown`: what the class is called, if not like the first of its names.
  void add(std::span<const std::string> names, const std::optional<std::string>& shown = {}) {
    const size_t first = queries_.size();
    for (const std::string& name : names) add_name(trim(name), first);
    const std::string& called = shown ? *shown : queries_[first];
    SCLIP_CHECK(!is_blank(called), kInvalidArgument, place(), " shows an empty name: write one before the '='");
    const auto [found, added] = number_of_.emplace(called, number_);
    SCLIP_CHECK(added, kInvalidArgument, place(), " is '", shorten_utf8(called, 60), "', and so is ", unit_, " ",
                found->second, ": name each class once");
    names_.push_back(called);
  }

  void add(const ClassText& text) {
    SCLIP_CHECK(text.shown || text.names.size() > 1 || !is_blank(text.names[0]), kInvalidArgument, place(),
                " is empty: give the class a name or remove it");
    add(text.names, text.shown);
  }

  ClassList finish() {
    SCLIP_CHECK(!names_.empty(), kInvalidArgument, source_, " lists no classes: give at least one name");
    return ClassList::from_queries(std::move(names_), std::move(queries_), std::move(query_class_));
  }

 private:
  void add_name(std::string_view name, size_t first) {
    SCLIP_CHECK(!is_blank(name), kInvalidArgument, place(),
                " has an empty name among its synonyms: remove the extra comma, or write what is missing");
    const auto begin = queries_.begin() + static_cast<std::ptrdiff_t>(first);
    SCLIP_CHECK(std::find(begin, queries_.end(), name) == queries_.end(), kInvalidArgument, place(), " names '",
                shorten_utf8(name, 60), "' twice: remove one");
    check_marks(name, place());
    queries_.emplace_back(name);
    query_class_.push_back(static_cast<int32_t>(names_.size()));
  }

  std::string_view source_;
  std::string_view unit_;
  std::vector<std::string> names_, queries_;
  std::vector<int32_t> query_class_;
  size_t number_ = 0;  // of the class that is being added
  std::unordered_map<std::string, size_t> number_of_;
};

// A warning about the first of several lines that have the same fault.
class LineWarning {
 public:
  void note(std::string_view first) {
    if (lines_++ == 0) text_ = first;
  }
  void add_to(ClassList& list) const {
    if (lines_ == 0) return;
    list.add_warning(lines_ == 1 ? text_ : str(text_, " (and ", lines_ - 1, " more like it)"));
  }

 private:
  std::string text_;
  size_t lines_ = 0;
};

// The first line that ends in a CR without a LF.
std::optional<size_t> line_of_lone_cr(std::string_view text) {
  size_t line = 1;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && !text.substr(i).starts_with("\r\n")) return line;
    if (text[i] == '\n') ++line;
  }
  return std::nullopt;
}

void check_names(const std::vector<std::string>& names, std::string_view what) {
  for (size_t i = 0; i < names.size(); ++i) {
    SCLIP_CHECK(!trim(names[i]).empty(), kInvalidArgument, what, " ", i, " is empty: give it a name");
  }
}

}  // namespace

ClassList ClassList::from_names(std::span<const std::vector<std::string>> classes) {
  Builder builder("the class list", "class");
  for (const std::vector<std::string>& names : classes) {
    builder.begin_class();
    SCLIP_CHECK(!names.empty(), kInvalidArgument, builder.place(), " has no names: give it one or remove it");
    builder.add(names);
  }
  return builder.finish();
}

ClassList ClassList::from_queries(std::vector<std::string> class_names, std::vector<std::string> queries,
                                  std::vector<int32_t> query_class, EmptyClasses empty) {
  const size_t classes = class_names.size();
  SCLIP_CHECK(classes >= 1 && classes <= kMaxClasses, kInvalidArgument, "a class list of ", classes,
              " classes; a mask holds 1 to ", kMaxClasses);
  SCLIP_CHECK(!queries.empty(), kInvalidArgument, "a class list of ", classes,
              " classes without a query: give at least one");
  SCLIP_CHECK(queries.size() == query_class.size(), kInvalidArgument, "a class list of ", queries.size(),
              " queries with the classes of ", query_class.size(), ": give one class for each query");
  check_names(class_names, "class");
  check_names(queries, "query");
  for (size_t k = 0; k < queries.size(); ++k) check_marks(queries[k], str("query ", k));
  int64_t last = -1;
  for (size_t k = 0; k <= queries.size(); ++k) {
    const int64_t c = k < queries.size() ? query_class[k] : static_cast<int64_t>(classes);
    SCLIP_CHECK(k == queries.size() || (c >= 0 && c < static_cast<int64_t>(classes)), kInvalidArgument, "query ", k,
                " is of class ", c, "; there are classes 0 to ", classes - 1);
    SCLIP_CHECK(c >= last, kInvalidArgument, "query ", k, " is of class ", c, " and follows one of class ", last,
                ": sort the queries by class");
    SCLIP_CHECK(empty == EmptyClasses::kAllowed || c <= last + 1, kInvalidArgument, "class ", last + 1, " ('",
                shorten_utf8(class_names[static_cast<size_t>(last + 1)], 60),
                "') has no query: give it one, or allow empty classes");
    last = c;
  }
  return {std::move(class_names), std::move(queries), std::move(query_class)};
}

ClassList parse_class_file(std::string_view bytes, std::string_view source) {
  const std::string text = decode_text_file(bytes, source);
  Builder builder(source, "line");
  LineWarning tight_commas, semicolons;
  size_t number = 0;
  for_each_line(text, [&](std::string_view line) {
    ++number;
    line = trim(line);
    if (line.empty() || line.starts_with('#')) return;
    builder.begin_class(number);
    const ClassText read = read_class(line, ClassSyntax::kLine, builder.place());
    if (read.tight_comma) {
      tight_commas.note(str(builder.place(), ": the comma in '", shorten_utf8(*read.tight_comma, 60),
                            "' has no blank behind it and is part of the name: write \", \" between synonyms, or "
                            "quote the name"));
    }
    if (read.semicolon) {
      semicolons.note(str(builder.place(), ": the ';' in '", shorten_utf8(*read.semicolon, 60),
                          "' is part of the name: write each class on a line of its own, or quote the name"));
    }
    builder.add(read);
  });
  ClassList list = builder.finish();
  tight_commas.add_to(list);
  semicolons.add_to(list);
  if (const auto line = line_of_lone_cr(text)) {
    list.add_warning(str(source, ", line ", *line,
                         " ends in a CR alone: it was read as the end of the line; save the "
                         "file with the line ends of this system"));
  }
  return list;
}

ClassList parse_class_argument(std::string_view text) {
  check_utf8(text, "--classes");
  Builder builder("--classes", "class");
  // A closing ';' ends the list and opens no class.
  while (!trim(text).empty()) {
    builder.begin_class();
    builder.add(read_class(text, ClassSyntax::kArgument, builder.place()));
  }
  return builder.finish();
}

std::string_view builtin_class_file(std::string_view name) {
  return find_named(builtin_class_files(), name, "there is no built-in class list", ErrorCode::kNotFound).text;
}

std::vector<std::string_view> builtin_class_file_names() {
  std::vector<std::string_view> names;
  for (const BuiltinClassFile& file : builtin_class_files()) names.push_back(file.name);
  return names;
}

}  // namespace sclip
