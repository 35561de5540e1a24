// libFuzzer: any bytes as a class file, a command line's classes or a template file end in a list that holds together,
// or in an Error that names its source. The first byte picks which.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/utf8.h"
#include "sclip/class_list.h"
#include "sclip/error.h"
#include "sclip/templates.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_valid(std::string_view text) {
  require(!text.empty() && text.find('\0') == std::string_view::npos);
  require(sclip::encode_utf8(sclip::decode_utf8(text)) == text);
}

void check_list(const sclip::ClassList& list) {
  require(list.size() >= 1 && list.size() <= sclip::ClassList::kMaxClasses);
  require(list.queries().size() == list.query_class().size());
  for (const std::string& name : list.class_names()) check_valid(name);
  for (const std::string& query : list.queries()) check_valid(query);
  require(list.query_class().front() == 0);
  for (size_t k = 1; k < list.queries().size(); ++k) {
    const int32_t step = list.query_class()[k] - list.query_class()[k - 1];
    require(step == 0 || step == 1);
  }
  require(static_cast<size_t>(list.query_class().back()) + 1 == list.size());
  require(list.warnings().size() <= 3);
}

// Quoted, every name is read as it was.
void check_round_trip(const sclip::ClassList& list) {
  const auto quoted = [](std::string_view name) {
    std::string out = "\"";
    for (const char c : name) out += c == '"' ? "\"\"" : std::string(1, c);
    return out + '"';
  };
  std::string text;
  size_t k = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    text += quoted(list.class_names()[i]) + " = ";
    for (bool first = true; k < list.queries().size() && list.query_class()[k] == static_cast<int32_t>(i); ++k) {
      text += (first ? "" : ", ") + quoted(list.queries()[k]);
      first = false;
    }
    text += ";";
  }
  const sclip::ClassList again = sclip::parse_class_argument(text);
  require(again.class_names() == list.class_names() && again.queries() == list.queries());
  require(again.query_class() == list.query_class());
}

void read(uint8_t kind, std::string_view text) {
  switch (kind % 3) {
    case 0:
    case 1: {
      const sclip::ClassList list =
          kind % 3 == 0 ? sclip::parse_class_file(text, "fuzz") : sclip::parse_class_argument(text);
      check_list(list);
      check_round_trip(list);
      break;
    }
    default:
      for (const std::string& line : sclip::parse_templates(text, "fuzz")) check_valid(line);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  try {
    read(data[0], {reinterpret_cast<const char*>(data + 1), size - 1});
  } catch (const sclip::Error& error) {
    const std::string_view message = error.what();
    require(error.code() == sclip::ErrorCode::kInvalidArgument && message.size() < 2000);
    require(message.starts_with("fuzz") || message.starts_with("--classes"));
  }
  return 0;
}
