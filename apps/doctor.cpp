// sclip doctor: what people get wrong with data sets, words and models, each in a line with the fix.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "apps/console.h"
#include "apps/doctor/report.h"
#include "apps/interrupts.h"
#include "apps/model_path.h"
#include "apps/run_options.h"
#include "apps/subcommands.h"
#include "sclip/error.h"

namespace sclip {
namespace {

struct DoctorCommand {
  ModelFlags model;
  ClassFlags classes;
  SegmentFlags segment;
  std::string data_set;
  std::string root;
  std::string split;
  int photos = 200;
  bool list = false;
  bool json = false;

  int run() const;

 private:
  Facts facts() const;
};

ClassList own_classes(const DataFacts& data) {
  if (!data.class_file.empty()) return parse_class_file(builtin_class_file(data.class_file), data.class_file);
  std::vector<int32_t> own(data.class_names.size());
  std::iota(own.begin(), own.end(), 0);
  return ClassList::from_queries(data.class_names, data.class_names, std::move(own));
}

Facts DoctorCommand::facts() const {
  Facts facts;
  SegmentFlags flags = segment;
  if (!data_set.empty()) {
    SCLIP_CHECK(!root.empty(), kInvalidArgument, "--dataset ", data_set,
                " lies somewhere: say where with --root FOLDER");
    const DataSetKind& kind = find_data_set_kind(data_set);
    ThreadPool pool(model.threads > 0 ? model.threads : available_threads());
    facts.data = gather(kind, root, split, static_cast<size_t>(photos), pool);
    if (flags.request.config.empty()) flags.request.config = std::string(kind.config);
  } else {
    SCLIP_CHECK(root.empty() && split.empty(), kInvalidArgument, root.empty() ? "--split" : "--root",
                " is of a data set: name it with --dataset (folder: any images/, masks/ and classes.txt)");
  }
  facts.classes_given = classes.classes_given || !classes.classes_file.empty() || !segment.request.config.empty();
  if (facts.classes_given) {
    facts.classes = classes.class_list(segment.config_class_file());
  } else if (facts.data) {
    facts.classes = own_classes(*facts.data);
  }
  try {
    facts.model = read_model_info(find_model(model.model));
  } catch (const Error& error) {
    // No model was asked for, and none is installed: its checks are left out.
    if (!model.model.empty() || error.code() != ErrorCode::kNotFound) throw;
  }
  facts.options = flags.options(facts.model ? facts.model->config : ModelConfig{});
  return facts;
}

int DoctorCommand::run() const {
  if (list) {
    std::fputs(check_table().c_str(), stdout);
    return kExitDone;
  }
  const Interrupts interrupts([] { print_message("interrupted"); });
  const Facts facts = this->facts();
  const Diagnosis diagnosis = diagnose(facts);
  const std::string text = json ? doctor_json(facts, diagnosis) : doctor_text(facts, diagnosis);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return troubles(diagnosis) > 0 ? kExitFound : kExitDone;
}

std::string data_set_names() {
  std::string out;
  for (const DataSetKind& kind : data_set_kinds()) out += (out.empty() ? "" : ", ") + std::string(kind.name);
  return out;
}

}  // namespace

void add_doctor(CLI::App& app, const ChooseSubcommand& choose) {
  auto command = std::make_shared<DoctorCommand>();
  CLI::App* doctor =
      app.add_subcommand("doctor", "Find what is wrong with a data set, words or a model (exit code 1: found)");
  doctor->add_option("--dataset", command->data_set, "labelled photos: " + data_set_names())
      ->type_name("NAME")
      ->default_str("none");
  doctor->add_option("--root", command->root, "the data set's folder, or one that holds several sets")
      ->default_str("none");
  doctor->add_option("--split", command->split, "val, test, …");
  doctor->add_option("--photos", command->photos, "how many photos with their masks are read, evenly from all; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->classes.add_to(*doctor);
  command->segment.add_to(*doctor);
  command->model.add_to(*doctor);
  doctor->add_flag("--list", command->list, "tell what is checked, and check nothing");
  doctor->add_flag("--json", command->json, "print JSON");
  doctor->footer(
      "Examples:\n"
      "  sclip doctor --dataset voc21 --root ~/data\n"
      "  sclip doctor --dataset folder --root photos -c \"road; sky; tree\"\n"
      "  sclip doctor --classes-file words.txt --prob-thd 0.3 --model clip-vit-b16.sclip\n");
  doctor->callback([command, choose] { choose([command] { return command->run(); }); });
}

}  // namespace sclip
