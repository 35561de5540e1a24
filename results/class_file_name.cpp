#include "results/class_file_name.h"

#include "core/utf8.h"
#include "engine/text/unicode.h"

namespace sclip {
namespace {

constexpr size_t kLongestName = 100;  // bytes; file systems take 255, of which the photo's name may need some

}  // namespace

std::string class_file_name(size_t id, size_t classes, std::string_view class_name) {
  std::string out = std::to_string(id);
  const size_t digits = std::to_string(classes > 0 ? classes - 1 : 0).size();
  if (out.size() < digits) out.insert(0, digits - out.size(), '0');
  const size_t longest = out.size() + kLongestName;
  bool gap = true;
  for (const char32_t c : to_nfc(decode_utf8(class_name))) {
    if (!is_letter(c) && !is_number(c) && c != U'_') {
      gap = true;
      continue;
    }
    std::string next = gap ? "-" : "";
    append_utf8(c, next);
    if (out.size() + next.size() > longest) break;
    out += next;
    gap = false;
  }
  return out;
}

bool is_class_file_name(std::string_view file_name) {
  const size_t digits = file_name.find_first_not_of("0123456789");
  return digits != 0 && digits != std::string_view::npos && file_name.ends_with(".png") &&
         (file_name[digits] == '-' || digits == file_name.size() - 4);
}

}  // namespace sclip
