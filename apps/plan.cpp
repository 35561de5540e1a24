// sclip plan: what a photo will take: windows, work, memory, time.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "apps/console.h"
#include "apps/run_options.h"
#include "apps/subcommands.h"
#include "apps/table.h"
#include "io/picture_file.h"
#include "sclip/error.h"
#include "sclip/run_plan.h"

namespace sclip {
namespace {

struct PlanCommand {
  ModelFlags model;
  ClassFlags classes;
  SegmentFlags segment;
  std::string photo;
  std::vector<int> size;
  bool no_timing = false;

  int run() const;

 private:
  std::vector<int> photo_size() const;
  int64_t queries() const;
};

std::vector<int> PlanCommand::photo_size() const {
  SCLIP_CHECK(photo.empty() != size.empty(), kInvalidArgument,
              "give a photo, or its size: sclip plan photo.jpg, or sclip plan --size 1024,768");
  if (!size.empty()) return size;
  const PictureFile file(photo, {});
  return {file.width(), file.height()};
}

int64_t PlanCommand::queries() const {
  constexpr int64_t kUsual = 21;
  const std::string_view list = segment.config_class_file();
  if (!classes.classes_given && classes.classes_file.empty() && list.empty()) return kUsual;
  return static_cast<int64_t>(classes.class_list(list).queries().size());
}

int PlanCommand::run() const {
  const std::vector<int> photo_size = this->photo_size();
  const int width = photo_size[0], height = photo_size[1];
  const int64_t queries = this->queries();
  const auto engine = model.load();
  const ModelConfig& config = engine->config();
  const SegmentOptions options = segment.options(config);
  const WindowLayout layout = window_layout(width, height, options, config);
  const double flops = window_flops(layout, config);
  const int at_once = std::min(windows_at_once(*engine, options), layout.windows());
  const RunMemory memory = run_memory(width, height, layout, config, queries, engine->device().precision, at_once);

  const auto line = [](std::string key, const std::string& value) {
    key.resize(16, ' ');
    return key + value + "\n";
  };
  const auto bytes = [](double n) { return readable_bytes(n); };
  std::string out;
  out += line("photo", str(width, "×", height, ", resized to ", layout.resized_width, "×", layout.resized_height));
  out += line("windows", str(layout.windows(), " (", layout.across, "×", layout.down, ") of ", layout.window_width, "×",
                             layout.window_height, " pixels, ", layout.grid_w, "×", layout.grid_h, " patches; ",
                             at_once, " at once"));
  out += line("work", fixed(flops / 1e9, 2) + " GFLOP a window, " + fixed(flops * layout.windows() / 1e9, 1) +
                          " in all (multiplications and additions)");
  out += line("memory", str(bytes(memory.total()), ": weights ", bytes(memory.weights), ", activations ",
                            bytes(memory.windows), ", photo and ", queries, " words ", bytes(memory.photo)));
  if (!no_timing) {
    const Calibration c = calibrate(engine, width, height, options, queries);
    out += line("measured", str("a window alone ", fixed(1e3 * c.single_seconds, 1), " ms, ", c.group, " at once ",
                                fixed(1e3 * c.group_seconds, 1), " ms; resizing and merging ",
                                fixed(1e3 * c.photo_seconds, 1), " ms (", engine->device().name, " ",
                                to_string(engine->device().precision), ", policy ", options.policy, ")"));
    out += line("predicted", fixed(1e3 * predicted_seconds(c, layout.windows()), 1) +
                                 " ms a photo, without loading, text, decoding and writing");
  }
  std::fputs(out.c_str(), stdout);
  return kExitDone;
}

}  // namespace

void add_plan(CLI::App& app, const ChooseSubcommand& choose) {
  auto command = std::make_shared<PlanCommand>();
  CLI::App* plan = app.add_subcommand("plan", "Tell what a photo will take: windows, work, memory, time");
  plan->add_option("photo", command->photo, "a picture; only its size is read");
  plan->add_option("--size", command->size, "width and height in pixels, instead of a picture")
      ->check(CLI::Range(1, 1 << 24))
      ->delimiter(',')
      ->expected(2);
  plan->add_flag("--no-timing", command->no_timing, "measure nothing, and predict no time");
  command->classes.add_to(*plan);
  command->segment.add_to(*plan);
  command->model.add_to(*plan);
  plan->footer(
      "Examples:\n"
      "  sclip plan photo.jpg --config voc21\n"
      "  sclip plan --size 2048,1024 --protocol table4-5 --policy naclip\n");
  plan->callback([command, choose] { choose([command] { return command->run(); }); });
}

}  // namespace sclip
