#include "results/class_file_name.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "core/utf8.h"

namespace sclip {
namespace {

constexpr size_t kLongestName = 100;  // bytes; file systems take 255, of which the photo's name may need some

bool is_letter_or_number(char32_t c) {
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
         (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

// Bytes that are not UTF-8 become U+FFFD.
std::u32string composed(std::string_view text) {
  std::string valid;
  for (const char32_t c : decode_utf8(text)) append_utf8(c, valid);
  utf8proc_uint8_t* out = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(valid.data()), static_cast<utf8proc_ssize_t>(valid.size()),
                   &out, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(out, &std::free);
  if (size < 0) return decode_utf8(valid);
  return decode_utf8({reinterpret_cast<const char*>(out), static_cast<size_t>(size)});
}

}  // namespace

std::string class_file_name(size_t id, size_t classes, std::string_view class_name) {
  std::string out = std::to_string(id);
  const size_t digits = std::to_string(classes > 0 ? classes - 1 : 0).size();
  if (out.size() < digits) out.insert(0, digits - out.size(), '0');
  const size_t longest = out.size() + kLongestName;
  bool gap = true;
  for (const char32_t c : composed(class_name)) {
    if (!is_letter_or_number(c) && c != U'_') {
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
