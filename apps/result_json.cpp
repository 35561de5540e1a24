#include "apps/result_json.h"

#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/error.h"
#include "core/file.h"

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

}  // namespace

FileIdentity identify_file(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    fail(ErrorCode::kNotFound, "cannot open ", path.string(), ": ", std::strerror(errno));
  }
  return {info.st_size, int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec};
}

Json result_json(const RunFacts& run, const PhotoFacts& photo, const ClassList& classes,
                 const Segmentation& segmentation) {
  const SegmentOptions& o = run.options;
  const PhotoTimes& t = photo.times;
  Json options = {
      {"config", run.config.empty() ? Json() : Json(run.config)},
      {"policy", o.policy},
      {"short_side", o.short_side},
      {"long_limit", o.long_limit},
      {"crop", o.crop},
      {"stride", o.stride},
      {"logit_scale", as_printed(o.logit_scale)},
      {"prob_thd", as_printed(o.prob_thd)},
      {"area_thd", o.area_thd ? Json(as_printed(*o.area_thd)) : Json()},
      {"templates", run.templates},
      {"template_count", run.template_count},
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
  return {
      {"version", SCLIP_VERSION},
      {"photo",
       {{"path", photo.job.photo.string()},
        {"width", segmentation.width},
        {"height", segmentation.height},
        {"bytes", photo.identity.bytes},
        {"modified_ns", photo.identity.modified_ns}}},
      {"outputs", photo.outputs},
      {"classes", std::move(class_list)},
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
        {"path", run.model_path.string()},
        {"sha256", run.model_sha256},
        {"licence", run.model_licence}}},
      {"device", {{"name", run.device}, {"description", run.device_description}, {"precision", run.precision}}},
      {"warnings", run.warnings},
      {"options_hash", run.options_hash},
  };
}

bool is_finished(const PhotoJob& job, const std::string& options_hash) {
  try {
    const Json result = Json::parse(read_text_file(job.output("result.json")));
    if (result.at("options_hash") != options_hash) return false;
    const Json& photo = result.at("photo");
    const FileIdentity then = {photo.at("bytes").get<int64_t>(), photo.at("modified_ns").get<int64_t>()};
    if (then != identify_file(job.photo)) return false;
    for (const auto& [kind, name] : result.at("outputs").items()) {
      std::error_code error;
      if (!std::filesystem::is_regular_file(job.folder / name.get<std::string>(), error)) return false;
    }
    return true;
  } catch (const Error&) {
    return false;  // none there, or unreadable
  } catch (const Json::exception&) {
    return false;  // not ours, or of another version
  }
}

}  // namespace sclip
