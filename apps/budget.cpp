#include "apps/budget.h"

#include <algorithm>
#include <vector>

#include "apps/table.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// Engines to choose among, the most exact first.
std::vector<std::shared_ptr<const Engine>> engines_of(const ModelFlags& model) {
  std::vector<std::shared_ptr<const Engine>> engines{model.load()};
  if (parse_precision(model.precision) == Precision::kAuto && engines[0]->device().precision != Precision::kF32) {
    ModelFlags exact = model;
    exact.precision = "f32";
    exact.device = engines[0]->device().name == "cpu" ? "cpu" : model.device;
    engines.insert(engines.begin(), exact.load());
  }
  return engines;
}

std::string milliseconds_of(double seconds) {
  return fixed(1e3 * seconds, 1) + " ms";
}

}  // namespace

Budget choose_for_budget(const ModelFlags& model, const SegmentFlags& segment, int64_t queries, int width, int height,
                         double milliseconds) {
  const auto engines = engines_of(model);
  const ModelConfig& config = engines[0]->config();
  const SegmentOptions usual = segment.options(config);
  std::vector<int> strides{usual.stride};
  if (!segment.request.stride && usual.crop > 0) strides = strides_to_try(width, height, usual, config);

  std::vector<RunChoice> choices;
  double photo_seconds = 0;
  for (size_t rank = 0; rank < engines.size(); ++rank) {
    std::vector<int> batches{usual.window_batch};
    if (!segment.request.window_batch && usual.crop > 0) {
      const int preferred = windows_at_once(*engines[rank], {.window_batch = 0}) /
                            std::max(1, windows_at_once(*engines[rank], {.window_batch = 1}));
      batches = {preferred, 2 * preferred};
    }
    for (const int batch : batches) {
      SegmentOptions options = usual;
      options.window_batch = batch;
      const bool first = choices.empty();
      Calibration calibration = calibrate(engines[rank], width, height, options, queries, first);
      if (first) photo_seconds = calibration.photo_seconds;
      calibration.photo_seconds = photo_seconds;  // the same for all: it is f32 always
      for (const int stride : strides) {
        options.stride = stride;
        const int windows = window_layout(width, height, options, config).windows();
        choices.push_back({.stride = stride,
                           .precision_rank = static_cast<int>(rank),
                           .batch = batch,
                           .windows = windows,
                           .seconds = predicted_seconds(calibration, windows)});
      }
    }
  }
  const auto chosen = choose_within(choices, milliseconds / 1e3);
  if (!chosen) {
    const RunChoice& least = fastest(choices);
    fail(ErrorCode::kInvalidArgument, "no stride, precision and batch keep a photo of ", width, "×", height,
         " pixels within ", fixed(milliseconds, 1), " ms here: the fastest, a stride of ", least.stride, " with ",
         least.windows, " windows, is predicted to take ", milliseconds_of(least.seconds),
         "; give a smaller --short-side, or more time");
  }
  const auto& engine = engines[static_cast<size_t>(chosen->precision_rank)];
  Budget out{.engine = engine, .options = usual, .choice = *chosen, .sentence = {}};
  out.options.stride = chosen->stride;
  out.options.window_batch = chosen->batch;
  out.sentence =
      str("for ", width, "×", height, " pixels within ", fixed(milliseconds, 1), " ms: a stride of ", chosen->stride,
          " (", chosen->windows, " windows), ", to_string(engine->device().precision), ", ", chosen->batch,
          chosen->batch == 1 ? " window" : " windows", " a forward; predicted ", milliseconds_of(chosen->seconds));
  return out;
}

}  // namespace sclip
