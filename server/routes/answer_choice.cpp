#include "server/routes/answer_choice.h"

#include <algorithm>
#include <charconv>

#include "core/find_named.h"
#include "server/http/http_error.h"

namespace sclip {
namespace {

constexpr std::string_view kJson = "application/json";

// What a bare media type means, the best first.
constexpr std::string_view kUsual[] = {"json", "mask", "overlay-jpeg", "geotiff", "scores"};

struct AcceptedType {
  std::string_view type;  // "image/*"
  double quality = 1;
};

std::vector<AcceptedType> parse_accept(std::string_view accept) {
  std::vector<AcceptedType> out;
  while (!accept.empty()) {
    const size_t comma = std::min(accept.find(','), accept.size());
    std::string_view entry = accept.substr(0, comma);
    accept.remove_prefix(std::min(comma + 1, accept.size()));
    const size_t end = std::min(entry.find(';'), entry.size());
    AcceptedType accepted{trimmed(entry.substr(0, end))};
    if (const size_t q = entry.find("q=", end); q != std::string_view::npos) {
      const std::string_view number = trimmed(entry.substr(q + 2));
      if (std::from_chars(number.data(), number.data() + number.size(), accepted.quality).ec != std::errc()) {
        accepted.quality = 0;
      }
    }
    if (!accepted.type.empty()) out.push_back(accepted);
  }
  return out;
}

// Of the most exact entry that speaks of the type; 0: not taken.
double quality_of(const std::vector<AcceptedType>& accept, std::string_view type) {
  const std::string all_of_kind = std::string(type.substr(0, type.find('/'))) + "/*";
  for (const std::string_view pattern : {type, std::string_view(all_of_kind), std::string_view("*/*")}) {
    for (const AcceptedType& accepted : accept) {
      if (accepted.type == pattern) return accepted.quality;
    }
  }
  return 0;
}

[[noreturn]] void not_acceptable(std::string_view what, const std::string& accept) {
  throw HttpError(406, "not_acceptable",
                  str(what, ", and the request's Accept header (", accept.substr(0, 200), ") does not take it"));
}

}  // namespace

bool accepts(const std::string& accept, std::string_view type) {
  return accept.empty() || quality_of(parse_accept(accept), type) > 0;
}

bool contains(const WantedOutputs& outputs, std::string_view name) {
  return std::any_of(outputs.begin(), outputs.end(), [&](const OutputKind* kind) { return kind->name == name; });
}

WantedOutputs wanted_outputs(const Fields& fields, const std::string& accept) {
  WantedOutputs wanted;
  if (!fields.has("outputs")) {
    const auto accepted = accept.empty() ? std::vector{AcceptedType{"*/*"}} : parse_accept(accept);
    double best = 0;
    for (const std::string_view name : kUsual) {
      const OutputKind& kind = find_output_kind(name);
      const double quality = quality_of(accepted, kind.media_type);
      if (quality > best) {
        best = quality;
        wanted = {&kind};
      }
    }
    if (wanted.empty()) not_acceptable("JSON, PNG, JPEG, TIFF and NumPy's arrays can be answered", accept);
    return wanted;
  }
  const std::string text = fields.text("outputs");
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view name = std::string_view(text).substr(begin, end - begin);
    const OutputKind& kind = find_named(output_kinds(), name, "there is no output");
    if (kind.is_folder()) refuse_field("outputs", str("has ", name, ", which is a folder of files: use rle"));
    if (contains(wanted, name)) refuse_field("outputs", str("has ", name, " twice"));
    wanted.push_back(&kind);
    begin = end + 1;
  }
  const std::string_view type = wanted.size() == 1 ? wanted[0]->media_type : kJson;
  if (!accepts(accept, type)) not_acceptable(str("the answer would be ", type), accept);
  return wanted;
}

}  // namespace sclip
