#include "results/result_json.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/file.h"
#include "core/version.h"
#include "sclip/error.h"
#include "sclip/segment_config.h"

namespace sclip {

using Json = nlohmann::ordered_json;

namespace {

// The double that prints as the float does: 0.1f becomes 0.1, not 0.10000000149011612.
double as_printed(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double out = 0;
  std::from_chars(text, end, out);
  return out;
}

Json refinement(const Refinement& refine) {
  if (refine.kind == Refinement::kNone) return {};
  if (refine.kind == Refinement::kPearl) {
    return {{"kind", to_string(refine.kind)}, {"iterations", refine.iterations}, {"cells", refine.cells}};
  }
  Json dilations = Json::array({refine.dilations[0]});
  if (refine.dilations[1] > 0) dilations.push_back(refine.dilations[1]);
  return {{"kind", to_string(refine.kind)}, {"iterations", refine.iterations}, {"dilations", std::move(dilations)}};
}

// A file's name, or those in a folder, relative to result.json.
Json outputs(const PhotoFacts& photo) {
  if (photo.outputs.empty()) return Json::object();
  const auto base = std::filesystem::absolute(photo.place.folder);
  const auto relative = [&](const std::filesystem::path& file) {
    return std::filesystem::absolute(file).lexically_relative(base).string();
  };
  Json all = Json::object();
  for (const WrittenOutput& output : photo.outputs) {
    Json& entry = all[output.name];
    if (!output.is_folder) {
      entry = relative(output.path);
      continue;
    }
    entry = Json::array();
    for (const auto& file : output.files) entry.push_back(relative(file));
  }
  return all;
}

std::vector<std::string> all_warnings(const RunFacts& run, const PhotoFacts& photo) {
  std::vector<std::string> all = run.warnings;
  all.insert(all.end(), photo.warnings.begin(), photo.warnings.end());
  return all;
}

bool exists(const std::filesystem::path& folder, const Json& name) {
  std::error_code error;
  return std::filesystem::is_regular_file(folder / name.get<std::string>(), error);
}

}  // namespace

Json result_json(const RunFacts& run, const PhotoFacts& photo, const ClassList& classes,
                 const Segmentation& segmentation) {
  const SegmentOptions& o = run.options;
  const PhotoTimes& t = photo.times;
  Json options = {
      {"config", run.config.empty() ? Json() : Json(run.config)},
      {"recipe", run.recipe.empty() ? Json() : Json(run.recipe)},
      {"policy", o.policy},
      {"temperature", as_printed(o.temperature)},
      {"refine", refinement(o.refine)},
      {"short_side", o.short_side},
      {"long_limit", o.long_limit},
      {"fit", o.squash ? "squash" : "short-side"},
      {"crop", o.crop},
      {"stride", o.stride},
      {"logit_scale", as_printed(o.logit_scale)},
      {"prob_thd", as_printed(o.prob_thd)},
      {"area_thd", o.area_thd ? Json(as_printed(*o.area_thd)) : Json()},
      {"ignore_label", o.ignore_label ? Json(*o.ignore_label) : Json()},
      {"templates", run.templates},
      {"template_count", run.template_count},
      {"overlay_size", to_string(run.overlay_size)},
  };
  const double total_pixels = static_cast<double>(segmentation.width) * segmentation.height;
  Json class_list = Json::array();
  size_t query = 0;
  for (size_t i = 0; i < classes.class_names().size(); ++i) {
    Json queries = Json::array();
    for (; query < classes.queries().size() && classes.query_class()[query] == static_cast<int32_t>(i); ++query) {
      queries.push_back(classes.queries()[query]);
    }
    const ClassStatistics& s = segmentation.classes[i];
    class_list.push_back({
        {"id", i},
        {"name", classes.class_names()[i]},
        {"queries", std::move(queries)},
        {"pixels", s.pixels},
        {"share", total_pixels > 0 ? static_cast<double>(s.pixels) / total_pixels : 0.0},
        {"mean_score", s.mean_score},
        {"max_score", as_printed(s.max_score)},
    });
  }
  Json ignored;
  if (o.ignore_label) {
    const ClassStatistics& s = segmentation.ignored;
    ignored = {
        {"id", *o.ignore_label},      {"name", run.ignore_name},
        {"pixels", s.pixels},         {"share", total_pixels > 0 ? static_cast<double>(s.pixels) / total_pixels : 0.0},
        {"mean_score", s.mean_score}, {"max_score", as_printed(s.max_score)}};
  }
  return {
      {"software", "sclip"},  // kJsonMark
      {"version", version()},
      {"photo",
       {{"path", photo.path.string()},
        {"width", segmentation.width},
        {"height", segmentation.height},
        {"bytes", photo.identity.bytes},
        {"modified_ns", photo.identity.modified_ns}}},
      {"outputs", outputs(photo)},
      {"classes", std::move(class_list)},
      {"ignored", std::move(ignored)},
      {"resized", {{"width", segmentation.resized_width}, {"height", segmentation.resized_height}}},
      {"windows", segmentation.windows},
      {"seconds",
       {{"load", run.load_seconds},
        {"text_bank", run.text_bank_seconds},
        {"decode", t.decode},
        {"resize", t.resize},
        {"encode", t.encode},
        {"merge", t.merge},
        {"write", t.write}}},
      {"options", std::move(options)},
      {"text_bank", {{"queries", classes.queries().size()}, {"from_cache", run.text_bank_cached}}},
      {"model",
       {{"name", run.model_name},
        {"path", run.model_path},
        {"sha256", run.model_sha256},
        {"licence", run.model_licence}}},
      {"device", {{"name", run.device}, {"description", run.device_description}, {"precision", run.precision}}},
      {"warnings", all_warnings(run, photo)},
      {"options_hash", run.options_hash},
  };
}

bool is_finished(const OutputPlace& place, const std::filesystem::path& photo, const std::string& options_hash) {
  try {
    const Json result = Json::parse(read_text_file(place.file(kResultFile)));
    if (result.at("options_hash") != options_hash) return false;
    const Json& then = result.at("photo");
    const FileIdentity identity = {then.at("bytes").get<int64_t>(), then.at("modified_ns").get<int64_t>()};
    if (identity != identify_file(photo)) return false;
    for (const auto& [kind, files] : result.at("outputs").items()) {
      const Json list = files.is_array() ? files : Json::array({files});
      if (!std::all_of(list.begin(), list.end(), [&](const Json& name) { return exists(place.folder, name); }))
        return false;
    }
    return true;
  } catch (const Error&) {
    return false;  // none there, or unreadable
  } catch (const Json::exception&) {
    return false;  // not ours, or of another version
  }
}

}  // namespace sclip
