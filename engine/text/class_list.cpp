#include "sclip/class_list.h"

#include <algorithm>
#include <unordered_map>

#include "core/utf8.h"
#include "engine/text/builtin_data.h"
#include "engine/text/lines.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// Appends classes one by one and refuses what cannot be meant. `source` and `unit` only serve the messages:
// "classes.txt, line 3" or "--classes, class 3".
class Builder {
 public:
  Builder(std::string_view source, std::string_view unit) : source_(source), unit_(unit) {}

  // The names of `text`, one class.
  void add(std::string_view text, std::string_view separator) {
    begin_class();
    SCLIP_CHECK(!trim(text).empty(), kInvalidArgument, place(), " is empty: give the class a name or remove it");
    for (;;) {
      const size_t end = text.find(separator);
      add_name(trim(text.substr(0, end)));
      if (end == std::string_view::npos) break;
      text.remove_prefix(end + separator.size());
    }
    end_class();
  }

  void add(std::span<const std::string> names) {
    begin_class();
    SCLIP_CHECK(!names.empty(), kInvalidArgument, place(), " has no names: give it one or remove it");
    for (const std::string& name : names) add_name(trim(name));
    end_class();
  }

  ClassList finish() {
    SCLIP_CHECK(!names_.empty(), kInvalidArgument, source_, " lists no classes: give at least one name");
    return ClassList::from_queries(std::move(names_), std::move(queries_), std::move(query_class_));
  }

 private:
  std::string place() const { return str(source_, ", ", unit_, " ", names_.size() + 1); }

  void begin_class() {
    SCLIP_CHECK(names_.size() < ClassList::kMaxClasses, kInvalidArgument, source_, " lists more than ",
                ClassList::kMaxClasses, " classes, which a mask cannot hold: use fewer");
    first_query_ = queries_.size();
  }

  void add_name(std::string_view name) {
    SCLIP_CHECK(!name.empty(), kInvalidArgument, place(),
                " has an empty name among its synonyms: remove the extra comma");
    const auto begin = queries_.begin() + static_cast<std::ptrdiff_t>(first_query_);
    SCLIP_CHECK(std::find(begin, queries_.end(), name) == queries_.end(), kInvalidArgument, place(), " names '",
                shorten_utf8(name, 60), "' twice: remove one");
    queries_.emplace_back(name);
    query_class_.push_back(static_cast<int32_t>(names_.size()));
  }

  void end_class() {
    const std::string& name = queries_[first_query_];
    const auto [found, added] = index_of_.emplace(name, names_.size());
    SCLIP_CHECK(added, kInvalidArgument, place(), " is '", shorten_utf8(name, 60), "', and so is ", unit_, " ",
                found->second + 1, ": name each class once");
    names_.push_back(name);
  }

  std::string_view source_;
  std::string_view unit_;
  std::vector<std::string> names_, queries_;
  std::vector<int32_t> query_class_;
  size_t first_query_ = 0;  // of the class that is being added
  std::unordered_map<std::string, size_t> index_of_;
};

void check_names(const std::vector<std::string>& names, std::string_view what) {
  for (size_t i = 0; i < names.size(); ++i) {
    SCLIP_CHECK(!trim(names[i]).empty(), kInvalidArgument, what, " ", i, " is empty: give it a name");
  }
}

}  // namespace

ClassList ClassList::from_names(std::span<const std::vector<std::string>> classes) {
  Builder builder("the class list", "class");
  for (const std::vector<std::string>& names : classes) builder.add(names);
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

ClassList parse_class_file(std::string_view text, std::string_view source) {
  Builder builder(source, "line");
  for_each_line(text, [&](std::string_view line) { builder.add(line, ", "); });
  return builder.finish();
}

ClassList parse_class_argument(std::string_view text) {
  Builder builder("--classes", "class");
  // A closing ';' ends the list and opens no class.
  while (!trim(text).empty()) {
    const size_t end = text.find(';');
    builder.add(text.substr(0, end), ",");
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return builder.finish();
}

std::string_view builtin_class_file(std::string_view name) {
  std::string known;
  for (const BuiltinClassFile& file : builtin_class_files()) {
    if (file.name == name) return file.text;
    if (!known.empty()) known += ", ";
    known += file.name;
  }
  fail(ErrorCode::kNotFound, "there is no built-in class list '", shorten_utf8(name, 60), "': use one of ", known);
}

std::vector<std::string_view> builtin_class_file_names() {
  std::vector<std::string_view> names;
  for (const BuiltinClassFile& file : builtin_class_files()) names.push_back(file.name);
  return names;
}

}  // namespace sclip
