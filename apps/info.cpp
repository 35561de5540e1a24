// sclip info: what a model file says about itself, and what this machine can run it on.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>

#include "apps/model_path.h"
#include "apps/subcommands.h"
#include "apps/table.h"
#include "sclip/device.h"
#include "sclip/error.h"
#include "sclip/model_info.h"
#include "sclip/policies.h"

namespace sclip {
namespace {

struct InfoFlags {
  std::string model;
  bool tensors = false;
  bool policies = false;
};

std::string numbers(const std::array<float, 3>& values) {
  return fixed(values[0], 3) + ", " + fixed(values[1], 3) + ", " + fixed(values[2], 3);
}

std::string model_text(const ModelInfo& model) {
  const ModelConfig& c = model.config;
  const BlobMetadata& m = model.metadata;
  int64_t parameters = 0;
  for (const TensorInfo& tensor : model.tensors) {
    if (tensor.is_weight) parameters += tensor.elements;
  }
  const auto line = [](const char* key, const std::string& value) {
    std::string name(key);
    name.resize(16, ' ');
    return name + value + "\n";
  };
  std::string out;
  out += line("file", model.name + ", " + readable_bytes(static_cast<double>(model.bytes)));
  out += line("model", m.model);
  out += line("source", m.source);
  out += line("licence", m.licence);
  if (!m.notes.empty()) out += line("notes", m.notes);
  out += line("sha256", model.sha256);
  out += line("parameters", fixed(static_cast<double>(parameters) / 1e6, 2) + " million in " +
                                std::to_string(model.tensors.size()) + " tensors");
  out += line("vision", str(c.vision.layers, " layers of width ", c.vision.width, ", ", c.vision.heads, " heads, MLP ",
                            c.vision.mlp_width, ", patch ", c.vision.patch_size, ", positions for ",
                            c.vision.image_size, "×", c.vision.image_size, " pixels"));
  out += line("text", str(c.text.layers, " layers of width ", c.text.width, ", ", c.text.heads, " heads, MLP ",
                          c.text.mlp_width, ", context ", c.text.context, ", vocabulary ", c.text.vocabulary));
  out += line("embedding", str(c.embed_dim, ", ", to_string(c.activation), ", layer norm eps ", c.layer_norm_eps,
                               ", learned logit scale ", c.logit_scale));
  out += line("preprocessing", str("short side ", c.preprocess.short_side, ", windows of ", c.preprocess.crop,
                                   " every ", c.preprocess.stride, " pixels"));
  out += line("", "mean " + numbers(c.preprocess.mean) + "; std " + numbers(c.preprocess.std));
  std::string words;
  for (const std::string& word : c.known_words) words += (words.empty() ? "" : ", ") + word;
  out += line("known words", c.known_words.empty() ? "any: the vocabulary is open" : words);
  return out;
}

std::string tensor_text(const ModelInfo& model) {
  std::vector<std::vector<std::string>> rows = {{"tensor", "type", "shape", "size"}};
  for (const TensorInfo& t : model.tensors) {
    rows.push_back({t.name, t.type, t.shape, readable_bytes(static_cast<double>(t.bytes))});
  }
  return "\n" + format_table(rows);
}

std::string backend_text() {
  std::string out = "\nbackends\n";
  for (const BackendStatus& b : list_backends()) {
    std::string name = "  " + b.name;
    name.resize(16, ' ');
    out += name + (b.available ? "available: " : "refused: ") + b.detail + "\n";
  }
  return out;
}

// The table of policies, and below it their options.
std::string policy_text() {
  std::vector<std::vector<std::string>> rows = {{"policy", "time", "mIoU"}};
  std::string text, options;
  for (const PolicyFacts& p : list_policies()) {
    rows.push_back({std::string(p.name), fixed(p.cost, 2), p.published.empty() ? "-" : std::string(p.published)});
    for (const PolicyFacts::Option& o : p.options) {
      std::string names = str("  ", p.name, ":", o.name, "=", o.value);
      if (o.name == p.in_name) names += str(" or ", p.name, "-", o.value);
      names.resize(std::max<size_t>(names.size() + 2, 34), ' ');
      options += str(names, o.meaning, ": ", o.range, "\n");
    }
  }
  // What is read, in words, behind the numbers.
  const std::string table = format_table(rows);
  const std::vector<PolicyFacts> all = list_policies();
  size_t row = 0;
  for (size_t begin = 0; begin < table.size(); ++row) {
    const size_t end = table.find('\n', begin);
    text += table.substr(begin, end - begin);
    if (row == 0) {
      text += "  what it is; what it reads; where it was published";
    } else {
      const PolicyFacts& p = all[row - 1];
      text += str("  ", p.summary, p.reads.empty() ? "" : "; ", p.reads, p.source.empty() ? "" : "; ", p.source);
    }
    text += "\n";
    begin = end + 1;
  }
  return text +
         "\ntime: of a photo against sclip's, ViT-B/16 on a CPU (benchmarks/read_outs.py)\nmIoU: published, the mean "
         "of "
         "VOC21, Context60, COCO-Object, VOC20, Cityscapes, Context59, ADE20K and COCO-Stuff\n\noptions\n" +
         options;
}

int run_info(const InfoFlags& flags) {
  if (flags.policies) {
    const std::string text = policy_text();
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
  }
  const ModelInfo model = read_model_info(find_model(flags.model));
  std::string out = model_text(model);
  if (flags.tensors) out += tensor_text(model);
  out += backend_text();
  std::fputs(out.c_str(), stdout);
  return 0;
}

}  // namespace

void add_info(CLI::App& app, const ChooseSubcommand& choose) {
  auto flags = std::make_shared<InfoFlags>();
  CLI::App* info =
      app.add_subcommand("info", "Show a model's configuration and licence, and the backends of this machine");
  info->add_option("model", flags->model, "weights (.sclip)");
  info->add_flag("--tensors", flags->tensors, "list every tensor");
  info->add_flag("--policies", flags->policies, "what --policy may name: time, published result, source, options");
  info->footer("Examples:\n  sclip info\n  sclip info clip-vit-b16.sclip --tensors\n  sclip info --policies\n");
  info->callback([flags, choose] { choose([flags] { return run_info(*flags); }); });
}

}  // namespace sclip
