// In place of system_text.cpp where the build lacks fontconfig, FreeType or raqm.
#include "io/system_text.h"

namespace sclip {

struct SystemText::Impl {};

SystemText::SystemText(double) {}
SystemText::~SystemText() = default;

std::optional<SystemLine> SystemText::shape(std::string_view, double) {
  return std::nullopt;
}

void SystemText::draw(const Canvas&, double, int, const SystemLine&, Rgb) {}

}  // namespace sclip
