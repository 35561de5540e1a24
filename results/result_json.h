// result.json: what a run says about one photo. Written last, so that its presence means the photo is finished.
// README.md lists the fields.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "results/run_facts.h"

namespace sclip {

inline constexpr std::string_view kResultFile = "result.json";
// The first member of the JSON files that sclip writes, by which they are known again: own_files.h.
inline constexpr std::string_view kJsonMark = R"("software": "sclip")";

nlohmann::ordered_json result_json(const RunFacts& run, const PhotoFacts& photo, const ClassList& classes,
                                   const Segmentation& segmentation);

// Whether `place` has a result.json of the same options and the same photo, and the outputs that it names are there.
bool is_finished(const OutputPlace& place, const std::filesystem::path& photo, const std::string& options_hash);

}  // namespace sclip
