#include "engine/text/class_list.h"

#include <algorithm>
#include <unordered_map>

#include "core/error.h"
#include "engine/text/builtin_data.h"
#include "engine/text/lines.h"
#include "engine/text/utf8.h"

namespace sclip {
namespace {

// Appends classes one by one and refuses what cannot be meant. `source` and `unit` only serve the messages:
// "classes.txt, line 3" or "--classes, class 3".
class Builder {
 public:
  Builder(std::string_view source, std::string_view unit) : source_(source), unit_(unit) {}

  void add(std::string_view text, std::string_view separator) {
    const size_t index = list_.class_names.size();
    SCLIP_CHECK(index < ClassList::kMaxClasses, kInvalidArgument, source_, " lists more than ", ClassList::kMaxClasses,
                " classes, which a mask cannot hold: use fewer");
    SCLIP_CHECK(!trim(text).empty(), kInvalidArgument, place(index), " is empty: give the class a name or remove it");
    const size_t first_query = list_.queries.size();
    for (;;) {
      const size_t end = text.find(separator);
      add_name(trim(text.substr(0, end)), index, first_query);
      if (end == std::string_view::npos) break;
      text.remove_prefix(end + separator.size());
    }
    const std::string& name = list_.queries[first_query];
    const auto [found, added] = index_of_.emplace(name, index);
    SCLIP_CHECK(added, kInvalidArgument, place(index), " is '", shorten_utf8(name, 60), "', and so is ", unit_, " ",
                found->second + 1, ": name each class once");
    list_.class_names.push_back(name);
  }

  ClassList finish() {
    SCLIP_CHECK(!list_.class_names.empty(), kInvalidArgument, source_, " lists no classes: give at least one name");
    return std::move(list_);
  }

 private:
  std::string place(size_t index) const { return str(source_, ", ", unit_, " ", index + 1); }

  void add_name(std::string_view name, size_t index, size_t first_query) {
    SCLIP_CHECK(!name.empty(), kInvalidArgument, place(index),
                " has an empty name among its synonyms: remove the extra comma");
    const auto begin = list_.queries.begin() + static_cast<std::ptrdiff_t>(first_query);
    SCLIP_CHECK(std::find(begin, list_.queries.end(), name) == list_.queries.end(), kInvalidArgument, place(index),
                " names '", shorten_utf8(name, 60), "' twice: remove one");
    list_.queries.emplace_back(name);
    list_.query_class.push_back(static_cast<int32_t>(index));
  }

  std::string_view source_;
  std::string_view unit_;
  ClassList list_;
  std::unordered_map<std::string, size_t> index_of_;
};

}  // namespace

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
