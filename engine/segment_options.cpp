#include "engine/segment_options.h"

#include <array>

#include "core/error.h"

namespace sclip {
namespace {

// The authors' published configurations; docs/numerics.md gives the table.
constexpr std::array kConfigs = {
    NamedConfig{"voc21", "voc21", 336, 65.f, 0.1f, 0.1f},
    NamedConfig{"voc20", "voc20", 336, 40.f, 0.f, std::nullopt},
    NamedConfig{"context60", "context60", 336, 50.f, 0.1f, std::nullopt},
    NamedConfig{"context59", "context59", 336, 40.f, 0.f, std::nullopt},
    NamedConfig{"coco_object", "coco_object", 336, 50.f, 0.1f, std::nullopt},
    NamedConfig{"coco_stuff", "coco_stuff", 448, 40.f, 0.f, std::nullopt},
    NamedConfig{"ade20k", "ade20k", 336, 40.f, 0.f, std::nullopt},
    NamedConfig{"cityscapes", "cityscapes", 560, 40.f, 0.f, std::nullopt},
};

}  // namespace

std::span<const NamedConfig> named_configs() {
  return kConfigs;
}

const NamedConfig& find_named_config(std::string_view name) {
  std::string known;
  for (const NamedConfig& config : kConfigs) {
    if (config.name == name) return config;
    known += (known.empty() ? "" : ", ") + std::string(config.name);
  }
  fail(ErrorCode::kInvalidArgument, "there is no configuration '", name, "': use one of ", known);
}

}  // namespace sclip
