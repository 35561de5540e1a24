#include <algorithm>

#include "apps/help.h"
#include "evaluation/data_set.h"
#include "results/choice_names.h"
#include "results/output_kinds.h"

namespace sclip {
namespace {

using Names = std::vector<std::string>;

constexpr std::string_view kPhotos = "Photos and outputs", kWords = "Words", kReading = "How the model reads",
                           kScores = "From scores to classes", kMachine = "Model and machine",
                           kRows = "What becomes a row", kClients = "Clients", kQueue = "Queue and batches",
                           kLimits = "Limits", kOther = "Options";

Names outputs() {
  Names names;
  for (const OutputKind& kind : output_kinds()) names.emplace_back(kind.name);
  return names;
}

Names data_sets() {
  Names names;
  for (const DataSetKind& kind : data_set_kinds()) names.emplace_back(kind.name);
  return names;
}

using enum ValueKind;
constexpr std::string_view kOfModel = "the configuration's, else the model's";

const OptionFacts kFacts[] = {
    {"--text", kRows, "TEXT", ""},
    {"--texts-from", kRows, "FILE", "none", kFile},
    {"--image", kRows, "PHOTO", "", kFile},
    {"--names", kRows, "FILE", "none", kFile},
    {"--dense", kRows, "", ""},

    {"--dataset", kPhotos, "NAMES", "none", kSomeOf, data_sets},
    {"--root", kPhotos, "FOLDER", "", kFolder},
    {"--split", kPhotos, "NAME", "the usual one"},
    {"--table", kPhotos, "N", "none"},
    {"--limit", kPhotos, "N", "0"},
    {"--pictures", kPhotos, "N", ""},
    {"photos", kPhotos, "PHOTO", "", kFile},
    {"photo", kPhotos, "PHOTO", "", kFile},
    {"--size", kPhotos, "WIDTH,HEIGHT", "the picture's"},
    {"--calls", kPhotos, "N", ""},
    {"--together", kPhotos, "N", "not measured"},
    {"file", kPhotos, "FILE", "", kFile},
    {"--filter", kPhotos, "PART", "all"},
    {"--rounds", kPhotos, "N", ""},
    {"--point", kPhotos, "X,Y", "none"},
    {"--files-from", kPhotos, "FILE", "none", kFile},
    {"--out", kPhotos, "FOLDER", "", kFile},
    {"--name-after-photo", kPhotos, "", ""},
    {"--outputs", kPhotos, "KINDS", "", kSomeOf, outputs},
    {"--overlay-size", kPhotos, "SIZE", "", kOneOf,
     [] {
       return Names{"legend", "photo"};
     }},
    {"--map", kPhotos, "KIND", "", kOneOf,
     [] {
       return Names{"attention", "features"};
     }},
    {"--block", kPhotos, "N[,N]", "the last"},
    {"--head", kPhotos, "HEAD", "", kOneOf,
     [] {
       return Names{"mean", "each"};
     }},
    {"--words", kPhotos, "", ""},
    {"--cell", kPhotos, "PIXELS", "0"},
    {"--arrays", kPhotos, "", ""},
    {"--salvage", kPhotos, "", ""},
    {"--masks", kPhotos, "FOLDER", "none: the mirrored photo is the judge", kFolder},
    {"--reduce-zero-label", kPhotos, "", ""},
    {"--photos", kPhotos, "N", ""},
    {"--pixels", kPhotos, "N", ""},
    {"--overwrite", kPhotos, "", ""},
    {"--resume", kPhotos, "", ""},
    {"--jobs", kPhotos, "N", ""},
    {"--quiet", kPhotos, "", ""},

    {"--classes", kWords, "NAMES", "the configuration's list"},
    {"--classes-file", kWords, "FILE", "the configuration's list", kFile, class_list_names},
    {"--synonyms", kWords, "NAME", "", kOneOf,
     [] {
       return Names{"none", "given", "builtin"};
     }},
    {"--templates", kWords, "FILE", "the 80 of ImageNet", kFile, [] { return Names{"none"}; }},
    {"--no-background", kWords, "", ""},
    {"--truncate", kWords, "", ""},
    {"--cache-dir", kWords, "FOLDER", "~/.cache/sclip", kFolder},
    {"--no-cache", kWords, "", ""},

    {"--policy", kReading, "NAME", "sclip", kOneOf, policy_names},
    {"--policy-option", kReading, "OPTION=VALUE", "none"},
    {"--temperature", kReading, "X", "1"},
    {"--protocol", kReading, "NAME", "none", kOneOf, protocol_names},
    {"--short-side", kReading, "PIXELS", kOfModel},
    {"--fit", kReading, "NAME", "short-side", kOneOf,
     [] {
       return Names{"short-side", "squash"};
     }},
    {"--crop", kReading, "PIXELS", kOfModel},
    {"--stride", kReading, "PIXELS", kOfModel},
    {"--window-batch", kReading, "N", "0"},
    {"--budget-ms", kReading, "MS", "none"},
    {"--no-timing", kReading, "", ""},

    {"--config", kScores, "NAME", "none", kOneOf, config_names},
    {"--recipe", kScores, "NAME", "none", kOneOf, recipe_names},
    {"--logit-scale", kScores, "X", "the configuration's, else 40"},
    {"--prob-thd", kScores, "X", "the configuration's, else 0"},
    {"--scales", kScores, "X[,X]", "18 from 10 to 150"},
    {"--thresholds", kScores, "X[,X]", "0 to 0.98 in steps of 0.02"},
    {"--area-thd", kScores, "X", "the configuration's, else none"},
    {"--ignore-label", kScores, "N", "none: class 0"},
    {"--ignore-name", kScores, "NAME", ""},
    {"--min-agreement", kScores, "SHARE", "none"},
    {"--refine", kScores, "NAME", "none", kOneOf, refiner_names},
    {"--refine-iterations", kScores, "N", "10; pearl: 25"},
    {"--refine-dilations", kScores, "N[,N]", "8,16"},
    {"--refine-cells", kScores, "N", "80"},

    {"--model", kMachine, "FILE", "$SCLIP_MODEL, else the bundled demo model", kFile},
    {"model", kMachine, "FILE", "$SCLIP_MODEL, else the bundled demo model", kFile},
    {"--device", kMachine, "NAME", "", kOneOf,
     [] {
       return Names{"auto", "cpu", "cuda", "cuda:0"};
     }},
    {"--precision", kMachine, "NAME", "", kOneOf,
     [] {
       return Names{"auto", "f32", "bf16", "f16", "fp8"};
     }},
    {"--tune", kMachine, "", ""},
    {"--cudnn-mlp", kMachine, "", ""},
    {"--threads", kMachine, "N", "0"},

    {"--bind", kClients, "ADDRESS", ""},
    {"--port", kClients, "PORT", ""},
    {"--connections", kClients, "N", ""},
    {"--header-timeout", kClients, "SECONDS", ""},
    {"--client-timeout", kClients, "SECONDS", ""},
    {"--keep-alive", kClients, "SECONDS", ""},
    {"--drain-delay-ms", kClients, "MS", ""},
    {"--token-file", kClients, "FILE", "none: everybody may ask", kFile},
    {"--tls-certificate", kClients, "FILE", "none: HTTP", kFile},
    {"--tls-key", kClients, "FILE", "none: HTTP", kFile},
    {"--sessions", kQueue, "N", ""},
    {"--max-delay-ms", kQueue, "MS", ""},
    {"--max-batch-windows", kQueue, "N", ""},
    {"--queue-windows", kQueue, "N", ""},
    {"--deadline-ms", kQueue, "MS", ""},
    {"--max-pixels", kLimits, "N", ""},
    {"--max-windows", kLimits, "N", ""},
    {"--max-words", kLimits, "N", ""},
    {"--max-body-mb", kLimits, "MB", ""},
    {"--max-answer-mb", kLimits, "MB", ""},
    {"--memory-limit", kLimits, "MB", ""},
    {"--features-mb", kLimits, "MB", ""},
    {"--banks-mb", kLimits, "MB", ""},

    {"--tensors", kOther, "", ""},
    {"--policies", kOther, "", ""},

    {"--top", kOther, "N", ""},
    {"--list", kOther, "", ""},
    {"--json", kOther, "", ""},
    {"what", kOther, "WHAT", "", kOneOf, [] { return Names{"latency"}; }},
    {"shell", kOther, "SHELL", "", kOneOf,
     [] {
       return Names{"bash", "zsh", "fish"};
     }},
};

}  // namespace

std::span<const OptionFacts> option_facts() {
  return kFacts;
}

const OptionFacts* find_option_facts(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kFacts), std::end(kFacts), [&](const OptionFacts& facts) { return facts.name == name; });
  return found == std::end(kFacts) ? nullptr : found;
}

}  // namespace sclip
