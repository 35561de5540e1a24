// FieldSpec: what a request may say, in one place: it is checked by this table, and described by it in /openapi.json.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace sclip {

enum class FieldKind : uint8_t {
  kText,
  kInteger,
  kNumber,
  kFlag,      // true or false
  kTexts,     // in a form or a query: given several times
  kIntegers,  // … or joined by commas
  kWords,     // classes: a text as `sclip segment --classes` takes it, or a list of names and of lists of synonyms
  kPhoto,     // a picture file: in JSON as Base64
};

struct FieldSpec {
  std::string_view name;
  FieldKind kind;
  std::string_view meaning;
  double least = -std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::infinity();
  std::vector<std::string> (*choices)() = nullptr;  // of kText
};

inline constexpr size_t kMostText = 1 << 20;  // bytes of one text
inline constexpr size_t kMostItems = 65536;   // of a list

}  // namespace sclip
