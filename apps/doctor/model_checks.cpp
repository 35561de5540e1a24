// What goes wrong when weights are converted.
#include <algorithm>
#include <array>
#include <cmath>

#include "apps/doctor/checks.h"
#include "apps/table.h"
#include "sclip/error.h"
#include "sclip/segment_config.h"

namespace sclip {
namespace {

using Three = std::array<float, 3>;

constexpr Three kClipMean = {122.771F, 116.746F, 104.094F}, kClipStd = {68.501F, 66.632F, 70.323F};
constexpr Three kImageNetMean = {123.675F, 116.28F, 103.53F}, kImageNetStd = {58.395F, 57.12F, 57.375F};
constexpr Three kHalf = {127.5F, 127.5F, 127.5F};
constexpr float kNear = 0.2F;  // levels: libraries round differently

bool near(const Three& a, const Three& b) {
  for (size_t i = 0; i < 3; ++i) {
    if (!(std::abs(a[i] - b[i]) < kNear)) return false;
  }
  return true;
}

Three reversed(const Three& a) {
  return {a[2], a[1], a[0]};
}

std::string numbers(const Three& a) {
  return fixed(double{a[0]}, 1) + ", " + fixed(double{a[1]}, 1) + ", " + fixed(double{a[2]}, 1);
}

std::string said_of(const BlobMetadata& m) {
  std::string text = m.model + " " + m.source + " " + m.notes;
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// The first of the marks that stands in the text as a word, or the beginning of one.
std::string_view mark_in(const std::string& text, std::span<const std::string_view> marks) {
  for (const std::string_view mark : marks) {
    for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
      const bool begins = at == 0 || text[at - 1] < 'a' || text[at - 1] > 'z';
      if (begins) return mark;
    }
  }
  return {};
}

// open_clip's names of weights that were trained with one or the other.
constexpr std::string_view kQuick[] = {
    "quickgelu", "openai", "metaclip", "dfn",
    // Of OpenAI's files, as a blob's source has them: ViT-B/32, B/16, L/14, L/14@336.
    "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
    "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
    "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",
    "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02"};
constexpr std::string_view kErf[] = {"laion2b", "datacomp", "commonpool", "webli"};

void look_activation(const Facts& facts, Findings& found) {
  const ModelInfo& model = *facts.model;
  const std::string said = said_of(model.metadata);
  const std::string_view quick = mark_in(said, kQuick), erf = mark_in(said, kErf);
  const bool is_quick = model.config.activation == Activation::kQuickGelu;
  const std::string what = str(model.name, " computes ", to_string(model.config.activation), ", and is called '",
                               model.metadata.model, "' (", model.metadata.source, "): ");
  if (!is_quick && !quick.empty()) {
    found.add(Severity::kError, what + str("weights of '", quick, "' were trained with QuickGELU"),
              "convert again with --activation quick_gelu, or with --model NAME-quickgelu");
  } else if (is_quick && quick.empty() && !erf.empty()) {
    found.add(Severity::kError, what + str("weights of '", erf, "' were trained with GELU"),
              "convert again with --activation gelu, or with --model and the name without -quickgelu");
  }
}

void look_preprocessing(const Facts& facts, Findings& found) {
  const ModelInfo& model = *facts.model;
  const Three &mean = model.config.preprocess.mean, &std = model.config.preprocess.std;
  if (near(mean, kClipMean) && near(std, kClipStd)) return;
  const std::string have = str(model.name, " has mean ", numbers(mean), " and std ", numbers(std));
  const std::string again = str("convert again with CLIP's: mean ", numbers(kClipMean), ", std ", numbers(kClipStd));
  const float most = std::max({mean[0], mean[1], mean[2], std[0], std[1], std[2]});
  if (most <= 2) {
    found.add(Severity::kError, have + ": that is on the scale 0…1, and photos are on 0…255", "multiply both by 255");
  } else if (near(mean, reversed(kClipMean)) || near(mean, reversed(kImageNetMean))) {
    found.add(Severity::kError, have + ": that is in the order blue, green, red", "give them as red, green, blue");
  } else if (near(mean, kImageNetMean) || near(std, kImageNetStd)) {
    found.add(Severity::kError, have + ": these are ImageNet's, with which no CLIP of OpenAI or LAION was trained",
              again);
  } else if (near(mean, kHalf) && near(std, kHalf)) {
    found.add(Severity::kWarning, have + ": that is 0.5 for all, with which few CLIPs were trained",
              "check the model card; else " + again);
  } else {
    found.add(Severity::kWarning, have + ", which are not CLIP's", "check the model card; else " + again);
  }
}

void look_words(const Facts& facts, Findings& found) {
  if (!facts.classes) return;
  const auto warning = unknown_words_warning(facts.model->config, *facts.classes);
  if (warning)
    found.add(Severity::kError, *warning, "take words that the model knows, or a model with an open vocabulary");
}

void look_windows(const Facts& facts, Findings& found) {
  const SegmentOptions& o = facts.options;
  const int trained = facts.model->config.vision.image_size;
  if (o.crop == 0 || o.crop <= 2 * trained) return;
  found.add(Severity::kWarning,
            str("windows of ", o.crop, " pixels, and the model was made for ", trained,
                ": its positions are stretched ", fixed(static_cast<double>(o.crop) / trained, 1), " times"),
            str("--crop ", trained, " with --stride ", trained / 2));
}

constexpr Check kModelChecks[] = {
    {"activation", "QuickGELU or GELU: is it what the weights were trained with?", Needs::kModel, look_activation},
    {"mean-std", "Are mean and std those of CLIP, on 0…255, as R, G, B?", Needs::kModel, look_preprocessing},
    {"known-words", "Does a model with a closed vocabulary know the words?", Needs::kModel, look_words},
    {"windows", "Are windows of a size that the model was made for?", Needs::kModel, look_windows},
};

}  // namespace

std::span<const Check> model_checks() {
  return kModelChecks;
}

}  // namespace sclip
