// sclip verify: what a precision changes on somebody's own photos: logits and labels beside those of f32.
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/console.h"
#include "apps/load_photo.h"
#include "apps/photo_list.h"
#include "apps/run_options.h"
#include "apps/subcommands.h"
#include "apps/table.h"
#include "apps/verify/difference.h"
#include "core/version.h"
#include "sclip/error.h"
#include "sclip/session.h"

namespace sclip {
namespace {

using Json = nlohmann::ordered_json;

struct VerifyCommand {
  ModelFlags model;
  ClassFlags classes;
  SegmentFlags segment;
  PhotoFlags picture;
  std::vector<std::string> inputs;
  std::string files_from;
  std::optional<double> min_agreement;
  bool json = false;

  int run() const;

 private:
  std::shared_ptr<const Engine> load_exact() const;
};

// An engine with the words in its own embeddings. The text tower is f32 in every precision.
struct Side {
  Side(std::shared_ptr<const Engine> with, const ClassList& list, const TextBankOptions& options)
      : engine(std::move(with)), bank(make_text_bank(*engine, list, options)), session(engine) {}

  Segmentation segment(const Image& photo, const SegmentOptions& options) {
    logits.resize(static_cast<size_t>(bank->queries()) * static_cast<size_t>(photo.width) *
                  static_cast<size_t>(photo.height));
    const PhotoRequest request{.photo = photo.view(), .with_scores = false, .logits = logits};
    return std::move(session.segment({&request, 1}, *bank, options)[0]);
  }

  std::shared_ptr<const Engine> engine;
  std::shared_ptr<const TextBank> bank;
  Session session;
  std::vector<float> logits;  // of the latest photo
};

struct Compared {
  std::string photo;
  int width = 0, height = 0;
  Difference difference;
};

struct Report {
  const Side& exact;
  const Side& other;
  std::string policy;
  std::optional<double> min_agreement;
  std::vector<Compared> photos;
  std::vector<std::string> failed;
};

bool reaches(const Difference& difference, const std::optional<double>& least) {
  return !least || difference.agreement() >= *least;
}

std::string figure(double value, int digits) {
  return std::isfinite(value) ? fixed(value, digits) : "not finite";
}

std::string share(double value, int digits) {
  return std::isfinite(value) ? fixed(100 * value, digits) + "%" : "–";
}

std::vector<std::string> row_of(const std::string& name, const Difference& d) {
  return {name,
          fixed(d.least(), 3) + " … " + fixed(d.most(), 3),
          figure(d.max_error(), 6),
          share(d.max_error() / d.range(), 3),
          figure(d.rms_error(), 6),
          share(d.rms_error() / d.range(), 3),
          share(d.agreement(), 3),
          share(d.mean_iou(), 2)};
}

Difference total_of(const Report& report) {
  Difference all(report.exact.bank->classes().size());
  for (const Compared& photo : report.photos) all += photo.difference;
  return all;
}

std::string as_text(const Report& report) {
  const DeviceFacts& device = report.other.engine->device();
  std::vector<std::vector<std::string>> rows = {
      {"photo", "logits", "max error", "of range", "RMS error", "of range", "equal labels", "mIoU"}};
  for (const Compared& photo : report.photos) rows.push_back(row_of(one_line(photo.photo), photo.difference));
  if (report.photos.size() > 1) rows.push_back(row_of(counted(report.photos.size(), "photo"), total_of(report)));
  return str(to_string(device.precision), " beside ", to_string(report.exact.engine->device().precision), ": ",
             report.other.engine->metadata().model, " on ", device.name, " (", device.description, "), policy ",
             report.policy, ", ", counted(report.other.bank->classes().size(), "class"), "\n\n", format_table(rows));
}

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json();
}

Json to_json(const Difference& d) {
  return {{"logits",
           {{"min", number(d.least())},
            {"max", number(d.most())},
            {"max_error", number(d.max_error())},
            {"max_error_of_range", number(d.max_error() / d.range())},
            {"rms_error", number(d.rms_error())},
            {"rms_error_of_range", number(d.rms_error() / d.range())}}},
          {"labels",
           {{"pixels", d.pixels()},
            {"equal", d.equal()},
            {"agreement", number(d.agreement())},
            {"mean_iou", number(d.mean_iou())}}}};
}

Json to_json(const DeviceFacts& device) {
  return {{"name", device.name},
          {"description", device.description},
          {"precision", std::string(to_string(device.precision))}};
}

std::string as_json(const Report& report, bool reached) {
  Json photos = Json::array();
  for (const Compared& photo : report.photos) {
    Json one = {{"photo", photo.photo}, {"width", photo.width}, {"height", photo.height}};
    one.update(to_json(photo.difference));
    photos.push_back(std::move(one));
  }
  Json out = {{"software", "sclip"},
              {"version", version()},
              {"model", report.other.engine->metadata().model},
              {"policy", report.policy},
              {"classes", report.other.bank->classes().class_names()},
              {"device", to_json(report.other.engine->device())},
              {"beside", to_json(report.exact.engine->device())},
              {"photos", std::move(photos)}};
  if (!report.photos.empty()) out["all"] = to_json(total_of(report));
  if (report.min_agreement) {
    out["min_agreement"] = *report.min_agreement;
    out["reached"] = reached;
  }
  out["failed"] = report.failed;
  out["warnings"] = report.other.bank->warnings();
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// The session knows pixels, not files.
Compared compare(const std::string& name, const Image& photo, Side& exact, Side& other, const SegmentOptions& options) {
  try {
    const Segmentation a = exact.segment(photo, options), b = other.segment(photo, options);
    Difference difference(exact.bank->classes().size());
    difference.add_logits(exact.logits, other.logits);
    difference.add_labels(a.labels, b.labels);
    return {name, photo.width, photo.height, std::move(difference)};
  } catch (const Error& error) {
    fail(error.code(), name, ": ", error.what());
  }
}

// The same weights on the same device; what only lower precisions have is left out.
std::shared_ptr<const Engine> VerifyCommand::load_exact() const {
  ModelFlags flags = model;
  flags.precision = to_string(Precision::kF32);
  flags.tune = flags.cudnn_mlp = false;
  return flags.load();
}

int VerifyCommand::run() const {
  // What is wrong with the command line shows before the weights are read.
  ClassList list = classes.class_list(segment.config_class_file());
  const TextBankOptions bank_options = classes.bank_options();
  const PhotoList photos = list_photos(gather_inputs(inputs, files_from), {});
  SCLIP_CHECK(parse_precision(model.precision) != Precision::kF32, kInvalidArgument,
              "--precision f32 is what the others are compared with: name the one that is to be judged");
  if (const std::string left_out = photos.left_out(); !left_out.empty()) print_message(left_out);

  const auto engine = model.load();
  SCLIP_CHECK(engine->device().precision != Precision::kF32, kInvalidArgument, "auto means f32 on this machine (",
              engine->device().description, "), which is what others are compared with: name a precision");
  list = classes.with_background(std::move(list), engine->config());
  if (auto warning = unknown_words_warning(engine->config(), list)) print_message("warning: " + *warning);
  const SegmentOptions options = segment.options(engine->config());
  check_ignore_label(options.ignore_label, list);
  Side exact(load_exact(), list, bank_options), other(engine, list, bank_options);
  for (const std::string& warning : other.bank->warnings()) print_message("warning: " + warning);

  Report report{.exact = exact,
                .other = other,
                .policy = options.policy,
                .min_agreement = min_agreement,
                .photos = {},
                .failed = {}};
  bool reached = true;
  for (const PhotoJob& job : photos.jobs) {
    const std::string name = job.photo.string();
    try {
      const Image photo = picture.load(name, engine->thread_pool());
      report.photos.push_back(compare(name, photo, exact, other, options));
    } catch (const Error& error) {
      if (photos.jobs.size() == 1) throw;
      print_message(error.what());
      report.failed.push_back(name);
      continue;
    }
    const Difference& difference = report.photos.back().difference;
    if (reaches(difference, min_agreement)) continue;
    reached = false;
    print_message(str(name, ": ", share(difference.agreement(), 3),
                      " of the labels are equal, and --min-agreement asks ", "for ", share(*min_agreement, 3)));
  }
  if (json || !report.photos.empty()) std::fputs((json ? as_json(report, reached) : as_text(report)).c_str(), stdout);
  return !report.failed.empty() ? kExitError : reached ? kExitDone : kExitFound;
}

}  // namespace

void add_verify(CLI::App& app, const ChooseSubcommand& choose) {
  auto command = std::make_shared<VerifyCommand>();
  CLI::App* verify = app.add_subcommand(
      "verify", "Tell what a precision changes on your photos, beside f32 (exit code 1: --min-agreement missed)");
  verify->add_option("photos", command->inputs, "pictures, or folders of pictures; -: a picture from standard input");
  verify->add_option("--files-from", command->files_from, "a file with a photo's path a line, or -: standard input");
  verify
      ->add_option("--min-agreement", command->min_agreement,
                   "the share of each photo's pixels, 0 to 1, that must have the label that f32 gives them")
      ->check(CLI::Range(0.0, 1.0));
  verify->add_flag("--json", command->json, "print JSON");
  command->classes.add_to(*verify);
  command->segment.add_to(*verify);
  command->model.add_to(*verify);
  command->picture.add_to(*verify);
  verify->footer(
      "Examples:\n"
      "  sclip verify photo.jpg --precision bf16 -c \"sky; tree; person\"\n"
      "  sclip verify photos/ --precision f16 --device cuda --config voc21 --min-agreement 0.99 --json\n"
      "  sclip verify photos/ --precision fp8 --device cuda -c \"sky; tree; person\"\n");
  verify->callback([command, choose] { choose([command] { return command->run(); }); });
}

}  // namespace sclip
