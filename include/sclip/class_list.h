// ClassList: the classes of a segmentation and the queries that stand for them.
//
// A class has one or more names (synonyms); each name is a query of its own, and a pixel's class is that of
// its best query.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sclip {

// Whether a class may have no query: its label is then never given.
enum class EmptyClasses : uint8_t { kRefused, kAllowed };

// Made by the functions below only, which check it: whoever holds one may index by it without a look.
class ClassList {
 public:
  static constexpr size_t kMaxClasses = 65536;  // a mask holds 16 bits

  // One class for each list of names, the first of which is its own. Blanks around a name do not count. An empty name,
  // a class without one, two classes with the same first name, no class or too many are kInvalidArgument.
  static ClassList from_names(std::span<const std::vector<std::string>> classes);
  // The arrays as they are, for hosts that number their classes themselves; two classes may then share a name.
  // Arrays that contradict each other, an empty name, no query, or a class without one are kInvalidArgument, and so is
  // a query that holds a mark with which CLIP begins or ends a text, like <|endoftext|>.
  static ClassList from_queries(std::vector<std::string> class_names, std::vector<std::string> queries,
                                std::vector<int32_t> query_class, EmptyClasses empty = EmptyClasses::kRefused);

  size_t size() const { return class_names_.size(); }                           // Q, 1 … kMaxClasses
  const std::vector<std::string>& class_names() const { return class_names_; }  // (Q)
  const std::vector<std::string>& queries() const { return queries_; }          // (K) all names, class by class
  const std::vector<int32_t>& query_class() const { return query_class_; }      // (K) ascending, each in [0, Q)

  // What may be meant otherwise than it was read, in sentences. A text bank of the list has them too.
  const std::vector<std::string>& warnings() const { return warnings_; }
  void add_warning(std::string warning) { warnings_.push_back(std::move(warning)); }

 private:
  ClassList(std::vector<std::string> class_names, std::vector<std::string> queries, std::vector<int32_t> query_class)
      : class_names_(std::move(class_names)), queries_(std::move(queries)), query_class_(std::move(query_class)) {}

  std::vector<std::string> class_names_;
  std::vector<std::string> queries_;
  std::vector<int32_t> query_class_;
  std::vector<std::string> warnings_;
};

// A class file: one class a line, its names separated by ", ", as the SCLIP authors' files are. Blank lines and lines
// that begin with '#' do not count.
//   background = sky, wall      is called background and means sky and wall
//   "black, white", zebra       a name in double quotes may hold any character; a quote in it is written twice
// UTF-8, or UTF-16 with a byte order mark; lines end in LF, CRLF or CR. Other encodings, an empty name, two classes of
// one name, no class or too many are kInvalidArgument, naming `source` and the line. What is read but may be meant
// otherwise (a comma without a blank behind it, a ';', lines that end in CR) is in warnings(). A name may stand in
// several classes: the published COCO-Object list does that.
ClassList parse_class_file(std::string_view bytes, std::string_view source);

// A command line's list: classes separated by ';', names by ','; blanks around them do not count. '=' and quotes as in
// a file.
ClassList parse_class_argument(std::string_view text);

// The class lists of the SCLIP authors, compiled in: voc21, voc20, context60, context59, coco_object,
// coco_stuff, ade20k, cityscapes. An unknown name is kNotFound and the message lists them.
std::string_view builtin_class_file(std::string_view name);
std::vector<std::string_view> builtin_class_file_names();

}  // namespace sclip
