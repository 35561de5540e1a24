// ClassList: the classes of a segmentation and the queries that stand for them.
//
// A class has one or more names (synonyms); each name is a query of its own, and a pixel's class is that of
// its best query.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sclip {

struct ClassList {
  static constexpr size_t kMaxClasses = 65536;  // a mask holds 16 bits

  std::vector<std::string> class_names;  // (Q) the first name of each class
  std::vector<std::string> queries;      // (K) all names, class by class
  std::vector<int32_t> query_class;      // (K) class of each query, ascending
};

// A class file: one class a line, its names separated by exactly ", ", as the SCLIP authors' files are.
// CRLF, a byte order mark and a missing last newline are accepted. An empty line, an empty name, two classes
// with the same first name, no class or too many are kInvalidArgument, naming `source` and the line.
// A name may stand in several classes: the published COCO-Object list does that.
ClassList parse_class_file(std::string_view text, std::string_view source);

// A command line's list: classes separated by ';', names by ','; blanks around them do not count.
ClassList parse_class_argument(std::string_view text);

// The class lists of the SCLIP authors, compiled in: voc21, voc20, context60, context59, coco_object,
// coco_stuff, ade20k, cityscapes. An unknown name is kNotFound and the message lists them.
std::string_view builtin_class_file(std::string_view name);
std::vector<std::string_view> builtin_class_file_names();

}  // namespace sclip
