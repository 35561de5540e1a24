// Prompt templates: sentences with `{}` where the name goes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sclip {

// OpenAI's 80 templates for ImageNet, compiled in.
std::span<const std::string_view> imagenet_templates();

// Throws kInvalidArgument for a template that does not have `{}` exactly once; `place` begins the message.
void check_template(std::string_view text, std::string_view place);

// One template a line, each with `{}` exactly once; encodings and line ends as in a class file (class_list.h).
std::vector<std::string> parse_templates(std::string_view bytes, std::string_view source);

// The template with `name` in the place of `{}`.
std::string apply_template(std::string_view text, std::string_view name);

}  // namespace sclip
