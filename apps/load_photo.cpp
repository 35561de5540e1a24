#include "apps/load_photo.h"

#include <CLI/CLI.hpp>

#include "apps/console.h"
#include "io/image_decode.h"

namespace sclip {

void PhotoFlags::add_to(CLI::App& app) {
  app.add_flag("--salvage", salvage,
               "take what is there of a truncated or damaged picture, with a warning, instead of refusing it");
}

namespace {

constexpr std::string_view kMissing = "; what is missing is black or grey";

}  // namespace

Image PhotoFlags::load(const std::string& file, ThreadPool& pool, std::string& warning) const {
  warning.clear();
  Image image = load_image(file, pool, {.salvaged = salvage ? &warning : nullptr});
  if (!warning.empty()) warning += kMissing;
  return image;
}

Image PhotoFlags::decode(std::span<const std::byte> bytes, const std::string& name, ThreadPool& pool,
                         std::string& warning) const {
  warning.clear();
  Image image = decode_image(bytes, name, pool, {.salvaged = salvage ? &warning : nullptr});
  if (!warning.empty()) warning += kMissing;
  return image;
}

Image PhotoFlags::load(const std::string& file, ThreadPool& pool) const {
  std::string warning;
  Image image = load(file, pool, warning);
  if (!warning.empty()) print_message("warning: " + warning);
  return image;
}

}  // namespace sclip
