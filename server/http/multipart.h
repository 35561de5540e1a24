// multipart/form-data, as RFC 7578 has it: the parts of a body, which they lie in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sclip {

struct FormPart {
  std::string name;
  std::string file_name;  // empty: none
  std::string type;       // of the part; empty: none
  std::string_view content;
};

inline constexpr size_t kMostParts = 256;

// Throws HttpError 400, saying what is wrong where.
std::vector<FormPart> parse_multipart(std::string_view body, std::string_view boundary);

}  // namespace sclip
