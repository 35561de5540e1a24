#include "results/run_facts.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sclip/error.h"
#include "sclip/segment_config.h"

namespace sclip {

std::string_view to_string(OverlaySize size) {
  return size == OverlaySize::kPhoto ? "photo" : "legend";
}

OverlaySize parse_overlay_size(std::string_view text) {
  for (const OverlaySize size : {OverlaySize::kWithLegend, OverlaySize::kPhoto}) {
    if (text == to_string(size)) return size;
  }
  fail(ErrorCode::kInvalidArgument, "there is no overlay size '", text, "': use legend or photo");
}

RunFacts describe_run(const Engine& engine, const TextBank& bank) {
  RunFacts facts;
  facts.model_path = engine.name();
  facts.model_name = engine.metadata().model;
  facts.model_sha256 = engine.sha256();
  facts.model_licence = engine.metadata().licence;
  facts.device = engine.device().name;
  facts.device_description = engine.device().description;
  facts.precision = to_string(engine.device().precision);
  facts.text_bank_cached = bank.from_cache();
  if (auto warning = unknown_words_warning(engine.config(), bank.classes())) facts.warnings.push_back(*warning);
  facts.warnings.insert(facts.warnings.end(), bank.warnings().begin(), bank.warnings().end());
  return facts;
}

std::optional<std::string> short_side_warning(const SegmentOptions& options, const Segmentation& s) {
  const int short_side = std::min(s.resized_width, s.resized_height);
  if (short_side >= options.short_side) return std::nullopt;
  return str("the long side is limited to ", options.long_limit, " pixels: the photo was scaled to ", s.resized_width,
             "×", s.resized_height, ", and not to a short side of ", options.short_side);
}

FileIdentity identify_file(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    fail(ErrorCode::kNotFound, "cannot open ", path.string(), ": ", std::strerror(errno));
  }
  return {info.st_size, int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec};
}

}  // namespace sclip
