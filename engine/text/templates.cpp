#include "sclip/templates.h"

#include "core/utf8.h"
#include "engine/text/builtin_data.h"
#include "engine/text/lines.h"
#include "engine/text/text_file.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr std::string_view kHole = "{}";

}  // namespace

std::span<const std::string_view> imagenet_templates() {
  static const std::vector<std::string_view> kTemplates = [] {
    std::vector<std::string_view> lines;
    for_each_line(builtin_templates(), [&](std::string_view line) { lines.push_back(line); });
    return lines;
  }();
  return kTemplates;
}

void check_template(std::string_view text, std::string_view place) {
  const size_t hole = text.find(kHole);
  SCLIP_CHECK(hole != std::string_view::npos && text.find(kHole, hole + kHole.size()) == std::string_view::npos,
              kInvalidArgument, place, " is '", shorten_utf8(text, 60),
              "': a template must have {} once, where the name goes");
}

std::vector<std::string> parse_templates(std::string_view bytes, std::string_view source) {
  const std::string text = decode_text_file(bytes, source);
  std::vector<std::string> templates;
  for_each_line(text, [&](std::string_view line) {
    check_template(line, str(source, ", line ", templates.size() + 1));
    templates.emplace_back(line);
  });
  SCLIP_CHECK(!templates.empty(), kInvalidArgument, source, " holds no templates: give at least one line with {}");
  return templates;
}

std::string apply_template(std::string_view text, std::string_view name) {
  const size_t hole = text.find(kHole);
  SCLIP_CHECK(hole != std::string_view::npos, kInvalidArgument, "the template '", shorten_utf8(text, 60),
              "' has no {} for the name");
  std::string prompt(text.substr(0, hole));
  prompt += name;
  return prompt += text.substr(hole + kHole.size());
}

}  // namespace sclip
