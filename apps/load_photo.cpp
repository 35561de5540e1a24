#include "apps/load_photo.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <vector>

#include "apps/console.h"
#include "apps/photo_list.h"
#include "core/file.h"

namespace sclip {

void PhotoFlags::add_to(CLI::App& app) {
  app.add_flag("--salvage", salvage,
               "take what is there of a truncated or damaged picture, with a warning, instead of refusing it");
}

Image PhotoFlags::load(const std::string& file, ThreadPool& pool) const {
  const bool piped = file == kStandardInput;
  const std::vector<std::byte> input = piped ? read_standard_input(kMostInputBytes) : std::vector<std::byte>();
  const auto picture = piped ? std::make_unique<PictureFile>(input, "standard input", decode_options())
                             : std::make_unique<PictureFile>(file, decode_options());
  Image image = picture->load(pool);
  const std::string warning = damage_warning(*picture);
  if (!warning.empty()) print_message("warning: " + warning);
  return image;
}

std::string damage_warning(const PictureFile& file) {
  const std::string damage = file.damage();
  return damage.empty() ? damage : damage + "; what is missing is black or grey";
}

}  // namespace sclip
