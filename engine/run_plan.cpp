#include "sclip/run_plan.h"

#include <algorithm>
#include <string>

#include "backends/backend.h"
#include "engine/window_grid.h"
#include "kernels/resize_normalize/resized_size.h"
#include "sclip/engine.h"
#include "sclip/error.h"
#include "sclip/session.h"
#include "sclip/text_bank.h"

namespace sclip {
namespace {

// Pixels of any content but nothing.
std::vector<uint8_t> noise(int width, int height) {
  std::vector<uint8_t> rgb(static_cast<size_t>(width) * static_cast<size_t>(height) * 3);
  for (size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
  return rgb;
}

// `count` queries that are classes of their own, along the axes of the embedding.
std::shared_ptr<const TextBank> some_words(const Engine& engine, int64_t count) {
  const auto embed = static_cast<size_t>(engine.config().embed_dim);
  std::vector<std::string> names;
  std::vector<int32_t> owners;
  std::vector<float> embeddings(static_cast<size_t>(count) * embed, 0.0f);
  for (int64_t k = 0; k < count; ++k) {
    names.push_back(std::to_string(k));
    owners.push_back(static_cast<int32_t>(k));
    embeddings[static_cast<size_t>(k) * embed + static_cast<size_t>(k) % embed] = 1;
  }
  return bank_from_embeddings(engine, ClassList::from_queries(names, names, std::move(owners)), embeddings);
}

// Windows of this layout's size, `count` of them side by side, on a photo that is not resized.
struct WindowRow {
  int width = 0, height = 0;
  SegmentOptions options;
};
WindowRow window_row(const WindowLayout& layout, int count, SegmentOptions options) {
  WindowRow row{.width = layout.window_width, .height = layout.window_height, .options = std::move(options)};
  if (count > 1) {  // there are several: one side of a window is the crop
    (layout.window_width == row.options.crop ? row.width : row.height) *= count;
    row.options.stride = row.options.crop;
  } else {
    row.options.crop = 0;
  }
  row.options.short_side = std::min(row.width, row.height);
  row.options.long_limit = std::max(row.width, row.height);
  row.options.record = false;  // a replay does not tell its stages apart
  row.options.refine = {};
  return row;
}

StageTimes times_of(Session& session, int width, int height, const TextBank& bank, const SegmentOptions& options) {
  const std::vector<uint8_t> rgb = noise(width, height);
  return session.segment({.pixels = rgb.data(), .width = width, .height = height}, bank, options).times;
}

// Of the forwards alone; the first makes plans and memory.
double measure(Session& session, const WindowRow& row, const TextBank& bank) {
  const auto seconds = [&] { return times_of(session, row.width, row.height, bank, row.options).encode; };
  seconds();
  return std::min(seconds(), seconds());
}

}  // namespace

WindowLayout window_layout(int width, int height, const SegmentOptions& options, const ModelConfig& model) {
  const ImageSize size = resized_size(height, width, options.short_side, options.long_limit);
  const WindowGrid grid =
      make_window_grid(static_cast<int>(size.height), static_cast<int>(size.width), options.crop, options.stride);
  const int patch = model.vision.patch_size;
  WindowLayout out{.resized_width = static_cast<int>(size.width),
                   .resized_height = static_cast<int>(size.height),
                   .across = static_cast<int>(grid.xs.size()),
                   .down = static_cast<int>(grid.ys.size()),
                   .window_width = grid.window_width,
                   .window_height = grid.window_height,
                   .grid_w = grid.grid_w(patch),
                   .grid_h = grid.grid_h(patch)};
  SCLIP_CHECK(out.grid_w > 0 && out.grid_h > 0, kInvalidArgument, "windows of ", out.window_width, "×",
              out.window_height, " pixels are smaller than a patch of ", patch,
              ": give a larger crop or short side, or a photo less narrow");
  return out;
}

double window_flops(const WindowLayout& layout, const ModelConfig& model) {
  const VisionConfig& v = model.vision;
  const auto tokens = static_cast<double>(layout.tokens()), patches = tokens - 1;
  const double width = v.width, patch_inputs = 3.0 * v.patch_size * v.patch_size;
  const double embed = patches * patch_inputs * width;
  const double block = tokens * width * (3 * width)         // q, k, v
                       + 2 * tokens * tokens * width        // scores, and their product with v
                       + tokens * width * width             // out_proj
                       + 2 * tokens * width * v.mlp_width;  // fc1, fc2
  const double projection = patches * width * model.embed_dim;
  return 2 * (embed + v.layers * block + projection);
}

RunMemory run_memory(int width, int height, const WindowLayout& layout, const ModelConfig& model, int64_t queries,
                     Precision precision, int at_once) {
  const VisionConfig& v = model.vision;
  const double c = v.width, f = v.mlp_width, e = model.embed_dim;
  const double element = precision == Precision::kF32 ? 4 : 2;  // bytes of an activation
  const bool fp8 = precision == Precision::kFP8;
  const double ends = 3.0 * v.patch_size * v.patch_size * c + c * e, blocks = v.layers * (4 * c * c + 2 * c * f);
  // In E4M3 an output's scale comes with its row: 3C + C + F + C.
  const double weights = element * ends + (fp8 ? blocks + v.layers * 4 * (5 * c + f) : element * blocks);
  // The residual stream in f32; what the norms leave, q, k and v, the MLP's hidden layer; a product's rows in E4M3.
  const double row = 4 * c + element * (c + 3 * c + f) + (fp8 ? std::max(c, f) + 4 : 0);
  const double activations = static_cast<double>(layout.tokens()) * row;
  const auto pixels = static_cast<double>(width) * height;
  const double patches = static_cast<double>(layout.windows()) * static_cast<double>(layout.tokens() - 1);
  return {.weights = weights,
          .windows = at_once * activations,
          .photo = 3.0 * 4 * layout.resized_width * layout.resized_height + 4 * patches * static_cast<double>(queries) +
                   pixels * (3 + 2 + 4)};
}

double predicted_seconds(const Calibration& c, int windows) {
  const int rest = windows % c.group;
  double seconds = c.photo_seconds + windows / c.group * c.group_seconds;
  if (rest > 0 && c.rest_one_by_one) {
    seconds += rest * c.single_seconds;
  } else if (rest > 0) {
    const double share = c.group > 1 ? static_cast<double>(rest - 1) / (c.group - 1) : 0;
    seconds += c.single_seconds + share * (c.group_seconds - c.single_seconds);
  }
  return seconds;
}

int windows_at_once(const Engine& engine, const SegmentOptions& options) {
  const int batch = options.window_batch > 0 ? options.window_batch : engine.backend().preferred_batch();
  return batch * engine.backend().workers();
}

Calibration calibrate(std::shared_ptr<const Engine> engine, int width, int height, const SegmentOptions& options,
                      int64_t queries, bool with_photo) {
  const WindowLayout layout = window_layout(width, height, options, engine->config());
  Session session(engine);
  const auto bank = some_words(*engine, queries);
  Calibration out;
  out.rest_one_by_one = engine->backend().workers() > 1;
  out.single_seconds = measure(session, window_row(layout, 1, options), *bank);
  out.group_seconds = out.single_seconds;
  if (layout.windows() > 1) {
    out.group = std::min(windows_at_once(*engine, options), layout.windows());
    if (out.group > 1) out.group_seconds = measure(session, window_row(layout, out.group, options), *bank);
  }
  if (with_photo) {
    SegmentOptions apart = options;
    apart.record = false;
    if (apart.crop > 0) apart.stride = apart.crop;
    const StageTimes times = times_of(session, width, height, *bank, apart);
    out.photo_seconds = times.resize + times.merge;
  }
  return out;
}

std::optional<RunChoice> choose_within(std::span<const RunChoice> choices, double seconds) {
  const auto better = [](const RunChoice& a, const RunChoice& b) {
    if (a.stride != b.stride) return a.stride < b.stride;
    if (a.precision_rank != b.precision_rank) return a.precision_rank < b.precision_rank;
    if (a.seconds != b.seconds) return a.seconds < b.seconds;
    return a.batch < b.batch;
  };
  std::optional<RunChoice> best;
  for (const RunChoice& choice : choices) {
    if (choice.seconds <= seconds && (!best || better(choice, *best))) best = choice;
  }
  return best;
}

const RunChoice& fastest(std::span<const RunChoice> choices) {
  SCLIP_CHECK(!choices.empty(), kInternal, "there is nothing to choose from");
  return *std::min_element(choices.begin(), choices.end(), [](const RunChoice& a, const RunChoice& b) {
    return a.seconds != b.seconds ? a.seconds < b.seconds : a.batch < b.batch;
  });
}

std::vector<int> strides_to_try(int width, int height, const SegmentOptions& options, const ModelConfig& model) {
  std::vector<int> out{options.stride};
  int windows = window_layout(width, height, options, model).windows();
  SegmentOptions wider = options;
  for (wider.stride += model.vision.patch_size; wider.stride <= options.crop; wider.stride += model.vision.patch_size) {
    const int count = window_layout(width, height, wider, model).windows();
    if (count >= windows) continue;
    out.push_back(wider.stride);
    windows = count;
  }
  return out;
}

}  // namespace sclip
