#include "benchmarks/kernels/kernel_cases.h"

#include <cmath>
#include <cstring>

#include "benchmarks/kernels/arrays.h"
#include "benchmarks/kernels/prepared.h"
#include "kernels/attention/attention.h"
#include "kernels/embed_tokens/embed_tokens.h"
#include "kernels/gather_rows/gather_rows.h"
#include "kernels/l2_normalize/l2_normalize.h"
#include "kernels/label_planes/label_planes.h"
#include "kernels/layernorm/layernorm.h"
#include "kernels/overlay/overlay.h"
#include "kernels/pamr/pamr.h"
#include "kernels/patch_embed/patch_embed.h"
#include "kernels/propagate_labels/propagate_labels.h"
#include "kernels/resize_normalize/resize_normalize.h"
#include "kernels/tree_attention/tree_attention.h"
#include "kernels/window_merge/window_merge.h"
#include "sclip/error.h"

namespace sclip {
namespace {

KernelCase attention(DType dtype, const std::string& name, AttentionScores scores, int64_t batch, int64_t tokens,
                     int64_t heads, int64_t head_dim) {
  const auto elements = static_cast<double>(batch * tokens * heads * head_dim);
  const double bytes = elements * static_cast<double>(bytes_of(dtype));
  const double products = scores == AttentionScores::kCorrelative ? 3 : 2;
  // V, and the operands of the scores: q, k or both.
  const double inputs = scores == AttentionScores::kQueryKey || scores == AttentionScores::kCorrelative ? 3 : 2;
  return {.name = name,
          .shape = str(batch, "×", tokens, "×", heads, "×", head_dim, " ", name_of(dtype)),
          .floor = {.mma = products * elements * static_cast<double>(tokens) / 2048,
                    .bytes = (inputs + 1) * bytes,
                    .written = bytes},
          .prepare = prepared(
              [=](Arrays& a) {
                const int64_t count = batch * tokens * heads * head_dim;
                return AttentionParams{.qkv = a.normal(dtype, 3 * count),
                                       .out = a.room(dtype, count),
                                       .dtype = dtype,
                                       .scores = scores,
                                       .batch = batch,
                                       .tokens = tokens,
                                       .heads = heads,
                                       .head_dim = head_dim,
                                       .softmax_scale = 1 / std::sqrt(static_cast<float>(head_dim))};
              },
              [](Stream& s, const AttentionParams& p) { s.attention(p); })};
}

// Half of a softmax of k·kᵀ and half of a map of every window, which all heads share; and P itself, if `returned`.
KernelCase attention_mix(DType dtype, const std::string& name, bool returned, int64_t batch, int64_t tokens,
                         int64_t heads, int64_t head_dim) {
  const auto elements = static_cast<double>(batch * tokens * heads * head_dim);
  const double bytes = elements * static_cast<double>(bytes_of(dtype));
  const auto map = static_cast<double>(batch * tokens * tokens) * 4;
  const double probabilities = returned ? map * static_cast<double>(heads) : 0;
  return {.name = name,
          .shape = str(batch, "×", tokens, "×", heads, "×", head_dim, " ", name_of(dtype)),
          .floor = {.mma = 3 * elements * static_cast<double>(tokens) / 2048,
                    .bytes = 3 * bytes + map + probabilities,
                    .written = bytes + probabilities},
          .prepare = prepared(
              [=](Arrays& a) {
                const int64_t count = batch * tokens * heads * head_dim;
                return AttentionParams{
                    .qkv = a.normal(dtype, 3 * count),
                    .out = a.room(dtype, count),
                    .dtype = dtype,
                    .scores = AttentionScores::kKeyKey,
                    .batch = batch,
                    .tokens = tokens,
                    .heads = heads,
                    .head_dim = head_dim,
                    .softmax_scale = 1 / std::sqrt(static_cast<float>(head_dim)),
                    .softmax_weight = 0.5f,
                    .added = {.data = a.normal(batch * tokens * tokens, 0.01f), .batch_stride = tokens * tokens},
                    .added_weight = 0.5f,
                    .probabilities = returned ? a.room<float>(batch * heads * tokens * tokens) : nullptr};
              },
              [](Stream& s, const AttentionParams& p) { s.attention(p); })};
}

// GEM's three maps of unit rows, one scale a window, over the values of another array.
KernelCase attention_values(DType dtype, const std::string& name, int64_t batch, int64_t tokens, int64_t heads,
                            int64_t head_dim) {
  const auto elements = static_cast<double>(batch * tokens * heads * head_dim);
  const double bytes = elements * static_cast<double>(bytes_of(dtype));
  return {.name = name,
          .shape = str(batch, "×", tokens, "×", heads, "×", head_dim, " ", name_of(dtype)),
          .floor = {.mma = 7 * elements * static_cast<double>(tokens) / 2048,
                    .bytes = 5 * bytes + static_cast<double>(batch) * 4,
                    .written = bytes},
          .prepare = prepared(
              [=](Arrays& a) {
                const int64_t count = batch * tokens * heads * head_dim;
                return AttentionParams{.qkv = a.normal(dtype, 3 * count, 0.125f),
                                       .out = a.room(dtype, count),
                                       .dtype = dtype,
                                       .scores = AttentionScores::kSelfSelf,
                                       .batch = batch,
                                       .tokens = tokens,
                                       .heads = heads,
                                       .head_dim = head_dim,
                                       .softmax_scale = 0.125f,
                                       .window_scales = a.copy(std::vector<float>(static_cast<size_t>(batch), 28.0f)),
                                       .softmax_weight = 1.0f / 3,
                                       .values = a.normal(dtype, 3 * count)};
              },
              [](Stream& s, const AttentionParams& p) { s.attention(p); })};
}

std::vector<uint8_t> noise(int64_t count) {
  std::vector<uint8_t> out(static_cast<size_t>(count));
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(i * 2654435761u >> 24);
  return out;
}

KernelCase layernorm(DType dtype, int64_t rows, int64_t cols) {
  return {.name = str("layernorm-", cols),
          .shape = str(rows, "×", cols, " f32 → ", name_of(dtype)),
          .floor = {.bytes = static_cast<double>(rows * cols * (4 + bytes_of(dtype)) + cols * 8),
                    .written = static_cast<double>(rows * cols * bytes_of(dtype))},
          .prepare = prepared(
              [=](Arrays& a) {
                return LayerNormParams{.x = a.normal(rows * cols),
                                       .y = a.room(dtype, rows * cols),
                                       .gamma = a.normal(cols),
                                       .beta = a.normal(cols),
                                       .y_dtype = dtype,
                                       .rows = rows,
                                       .cols = cols};
              },
              [](Stream& s, const LayerNormParams& p) { s.layernorm(p); })};
}

KernelCase l2_normalize(int64_t rows, int64_t cols) {
  return {.name = "l2-normalize",
          .shape = str(rows, "×", cols, " f32"),
          .floor = {.bytes = static_cast<double>(rows * cols * 8), .written = static_cast<double>(rows * cols * 4)},
          .prepare = prepared(
              [=](Arrays& a) {
                return L2NormalizeParams{
                    .x = a.normal(rows * cols), .y = a.room<float>(rows * cols), .rows = rows, .cols = cols};
              },
              [](Stream& s, const L2NormalizeParams& p) { s.l2_normalize(p); })};
}

// The whole call: the product of the photo and conv1, and ln_pre in place.
KernelCase patch_embed(DType dtype, int64_t across, int64_t down, int64_t patch, int64_t cols) {
  const int64_t grid = 224 / patch, batch = across * down, patches = grid * grid, depth = 3 * patch * patch;
  const int64_t width = 224 + (across - 1) * 112, height = 224 + (down - 1) * 112;
  const auto tokens = static_cast<double>(batch * (1 + patches) * cols * 4);
  return {.name = str("patch-embed-", patch),
          .shape = str(batch, " windows of ", grid, "×", grid, " patches → ", cols, " ", name_of(dtype)),
          .floor = {.mma = static_cast<double>(batch * patches * depth * cols) / 2048,
                    .bytes = static_cast<double>(3 * width * height * 4 + cols * depth * bytes_of(dtype) +
                                                 (1 + patches) * cols * 4) +
                             tokens,
                    .written = 2 * tokens},  // once more by ln_pre
          .prepare = [=](Backend& backend, Stream& stream) -> std::function<void()> {
            auto a = std::make_shared<Arrays>(backend, stream);
            const auto weight = random_normal(static_cast<size_t>(cols * depth), 99, 0.03f);
            std::shared_ptr<Linear> conv1 =
                backend.make_linear({.name = "conv1",
                                     .weight = {.data = weight.data(), .dtype = DType::kF32, .shape = {cols, depth}},
                                     .input = dtype});
            std::vector<PatchOrigin> windows;
            for (int64_t i = 0; i < batch; ++i) {
              windows.push_back({static_cast<int32_t>(i % across * 112), static_cast<int32_t>(i / across * 112)});
            }
            const PatchEmbedParams p{.image = a->normal(3 * width * height),
                                     .windows = a->copy(windows),
                                     .class_embedding = a->normal(cols),
                                     .positions = a->normal((1 + patches) * cols),
                                     .gamma = a->normal(cols),
                                     .beta = a->normal(cols),
                                     .tokens = a->room<float>(batch * (1 + patches) * cols),
                                     .dtype = dtype,
                                     .height = height,
                                     .width = width,
                                     .batch = batch,
                                     .grid_h = grid,
                                     .grid_w = grid,
                                     .patch = patch,
                                     .cols = cols};
            return [a, conv1, p, &stream] { stream.patch_embed(p, *conv1); };
          }};
}

// Bias and QuickGELU behind a product, at the size of an MLP's hidden layer.
KernelCase gelu(DType dtype, int64_t rows, int64_t cols) {
  return {.name = "quick-gelu",
          .shape = str(rows, "×", cols, " ", name_of(dtype), " in place"),
          .floor = {.bytes = static_cast<double>(rows * cols * bytes_of(dtype) + cols * 4),
                    .written = static_cast<double>(rows * cols * bytes_of(dtype))},
          .prepare = [=](Backend& backend, Stream& stream) -> std::function<void()> {
            auto a = std::make_shared<Arrays>(backend, stream);
            const auto weight = random_normal(static_cast<size_t>(cols * 64), 98, 0.1f);
            const auto bias = random_normal(static_cast<size_t>(cols), 97);
            std::shared_ptr<Linear> fc1 =
                backend.make_linear({.name = "fc1",
                                     .weight = {.data = weight.data(), .dtype = DType::kF32, .shape = {cols, 64}},
                                     .bias = {.data = bias.data(), .dtype = DType::kF32, .shape = {cols}},
                                     .epilogue = Epilogue::kQuickGelu,
                                     .input = dtype,
                                     .output = dtype});
            void* x = a->normal(dtype, rows * 64);
            void* y = a->room(dtype, rows * cols);
            return [a, fc1, x, y, rows, &stream] { stream.linear(*fc1, x, rows, y); };
          }};
}

KernelCase resize_normalize(int64_t src_w, int64_t src_h, int64_t dst_w, int64_t dst_h) {
  return {.name = "resize-normalize",
          .shape = str(src_w, "×", src_h, " u8 → ", dst_w, "×", dst_h, " f32"),
          .floor = {.bytes = static_cast<double>(3 * src_w * src_h + 12 * dst_w * dst_h),
                    .written = static_cast<double>(12 * dst_w * dst_h)},
          .prepare = prepared(
              [=](Arrays& a) {
                return ResizeNormalizeParams{
                    .src = {a.copy(noise(3 * src_w * src_h)), static_cast<int>(src_w), static_cast<int>(src_h)},
                    .dst = a.room<float>(3 * dst_w * dst_h),
                    .dst_height = dst_h,
                    .dst_width = dst_w,
                    .mean = {122.8f, 116.7f, 104.1f},
                    .std = {68.5f, 66.6f, 70.3f}};
              },
              [](Stream& s, const ResizeNormalizeParams& p) { s.resize_normalize(p); })};
}

KernelCase overlay(int64_t width, int64_t height) {
  return {
      .name = "overlay",
      .shape = str(width, "×", height, ", u16 labels, lines of 1"),
      .floor = {.bytes = static_cast<double>(8 * width * height), .written = static_cast<double>(3 * width * height)},
      .prepare = prepared(
          [=](Arrays& a) {
            std::vector<uint16_t> labels(static_cast<size_t>(width * height));
            for (size_t i = 0; i < labels.size(); ++i) {
              labels[i] = static_cast<uint16_t>(i % static_cast<size_t>(width) / 40 % 4);
            }
            return OverlayParams{.photo = a.copy(noise(3 * width * height)),
                                 .labels = a.copy(labels),
                                 .colors = a.copy(noise(16)),
                                 .classes = 4,
                                 .dst = a.room<uint8_t>(3 * width * height),
                                 .dst_stride = 3 * width,
                                 .height = height,
                                 .width = width};
          },
          [](Stream& s, const OverlayParams& p) { s.overlay(p); })};
}

KernelCase pamr_weights(int64_t width, int64_t height) {
  const auto pixels = static_cast<double>(width * height);
  return {.name = "pamr-weights",
          .shape = str(width, "×", height, ", image of the same size"),
          .floor = {.bytes = pixels * 4 * (3 + 16), .written = pixels * 4 * 16},
          .prepare = prepared(
              [=](Arrays& a) {
                return PamrWeightsParams{.image = a.normal(3 * width * height),
                                         .image_height = height,
                                         .image_width = width,
                                         .height = height,
                                         .width = width,
                                         .weights = a.room<float>(16 * width * height)};
              },
              [](Stream& s, const PamrWeightsParams& p) { s.pamr_weights(p); })};
}

// Two iterations, so that the result is where it belongs.
KernelCase pamr(int64_t width, int64_t height, int64_t count) {
  const auto pixels = static_cast<double>(width * height);
  return {.name = "pamr",
          .shape = str(width, "×", height, ", ", count, " planes, 2 iterations"),
          .floor = {.bytes = 2 * pixels * 4 * static_cast<double>(2 * count + 16),
                    .written = 2 * pixels * 4 * static_cast<double>(count)},
          .prepare = prepared(
              [=](Arrays& a) {
                return PamrParams{.weights = a.normal(16 * width * height),
                                  .height = height,
                                  .width = width,
                                  .planes = a.normal(count * width * height, 0.1f),
                                  .count = count,
                                  .iterations = 2};
              },
              [](Stream& s, const PamrParams& p) { s.pamr(p); })};
}

// One part of the propagation, on a state that holds the same number everywhere.
KernelCase propagate_labels(const char* name, PropagationStep step, int64_t width, int64_t height, int64_t count) {
  const auto cells =
      static_cast<double>(propagation_grid({.height = height, .width = width, .queries = count}).cells());
  const double pixels = static_cast<double>(width * height * count), values = cells * static_cast<double>(count);
  KernelFloor floor{.bytes = 4 * pixels + 8 * values, .written = 8 * values};
  if (step == PropagationStep::kPlanes) floor.written = 4 * pixels;
  if (step == PropagationStep::kIterate) {
    // The kernel with most instructions multiplies: a double a value in and one out, and the matrix. All three write
    // four doubles a value.
    floor = {.bytes = 16 * values + 24 * cells, .written = 32 * values};
  }
  return {.name = name,
          .shape = str(width, "×", height, ", ", count, " planes"),
          .floor = floor,
          .prepare = prepared(
              [=](Arrays& a) {
                const size_t bytes = propagation_bytes(height, width, count, 80);
                return PropagateLabelsParams{
                    .step = step,
                    .height = height,
                    .width = width,
                    .queries = count,
                    .state = a.copy(std::vector<double>(bytes / sizeof(double), 0.01)),
                    .image = a.normal(3 * width * height),
                    .image_height = height,
                    .image_width = width,
                    .planes = a.normal(count * width * height, 0.1f),
                    .count = count,
                    .certainty = a.copy(std::vector<double>(static_cast<size_t>(count), 0.95))};
              },
              [](Stream& s, const PropagateLabelsParams& p) { s.propagate_labels(p); })};
}

// A group of planes in the middle of many.
KernelCase label_planes(int64_t width, int64_t height, int64_t count) {
  const auto pixels = static_cast<double>(width * height);
  return {.name = "label-planes",
          .shape = str(width, "×", height, ", ", count, " planes"),
          // Reference, best logit, sum and label are read and written.
          .floor = {.bytes = pixels * (4 * static_cast<double>(count) + 14), .written = pixels * 14},
          .prepare = prepared(
              [=](Arrays& a) {
                std::vector<int32_t> query_class(static_cast<size_t>(2 * count));
                for (size_t k = 0; k < query_class.size(); ++k) query_class[k] = static_cast<int32_t>(k);
                return LabelPlanesParams{
                    .planes = a.normal(count * width * height, 0.04f),
                    .first_query = count,
                    .count = count,
                    .rule = {.queries = 2 * count,
                             .classes = 2 * count,
                             .query_class = a.copy(query_class),
                             .logit_scale = 40},
                    .height = height,
                    .width = width,
                    .state = a.room<std::byte>(static_cast<int64_t>(label_state_bytes(height, width, 2 * count))),
                    .out = {.labels = a.room<uint16_t>(width * height), .scores = a.room<float>(width * height)}};
              },
              [](Stream& s, const LabelPlanesParams& p) { s.label_planes(p); })};
}

KernelCase embed_tokens(DType dtype, int64_t count, int64_t width) {
  return {.name = "embed-tokens",
          .shape = str(count, " tokens of ", width, ", ", name_of(dtype), " table"),
          .floor = {.bytes =
                        static_cast<double>(count * (width * 4 + 8) + count * width * bytes_of(dtype) + 77 * width * 4),
                    .written = static_cast<double>(count * width * 4)},
          .prepare = prepared(
              [=](Arrays& a) {
                std::vector<int32_t> tokens(static_cast<size_t>(count)), positions(tokens);
                for (size_t i = 0; i < tokens.size(); ++i) {
                  tokens[i] = static_cast<int32_t>(i);
                  positions[i] = static_cast<int32_t>(i % 77);
                }
                return EmbedTokensParams{.tokens = a.copy(tokens),
                                         .positions = a.copy(positions),
                                         .token_table = a.normal(dtype, count * width, 0.02f),
                                         .position_table = a.normal(77 * width, 0.01f),
                                         .out = a.room<float>(count * width),
                                         .table_dtype = dtype,
                                         .count = count,
                                         .width = width};
              },
              [](Stream& s, const EmbedTokensParams& p) { s.embed_tokens(p); })};
}

KernelCase gather_rows(int64_t count, int64_t cols) {
  return {
      .name = "gather-rows",
      .shape = str(count, " of ", 4 * count, " rows of ", cols, ", f32"),
      .floor = {.bytes = static_cast<double>(count * (cols * 8 + 4)), .written = static_cast<double>(count * cols * 4)},
      .prepare = prepared(
          [=](Arrays& a) {
            std::vector<int32_t> indices(static_cast<size_t>(count));
            for (size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<int32_t>(4 * i);
            return GatherRowsParams{.x = a.normal(4 * count * cols),
                                    .indices = a.copy(indices),
                                    .out = a.room<float>(count * cols),
                                    .count = count,
                                    .cols = cols};
          },
          [](Stream& s, const GatherRowsParams& p) { s.gather_rows(p); })};
}

// A photo, and its size at short side 336: windows of 224 every 112, 14×14 patches.
struct MergedPhoto {
  int64_t width = 640, height = 427, resized_width = 504;
  int64_t pixels() const { return width * height; }
};

WindowLogits window_logits(Arrays& a, const MergedPhoto& photo, int64_t queries) {
  std::vector<int32_t> xs, ys{0, 112};
  for (int32_t x = 0; x < photo.resized_width - 224; x += 112) xs.push_back(x);
  xs.push_back(static_cast<int32_t>(photo.resized_width - 224));
  const auto windows = static_cast<int64_t>(xs.size() * ys.size());
  return {.logits = a.normal(windows * 196 * queries, 0.04f),
          .window_x = a.copy(xs),
          .window_y = a.copy(ys),
          .windows_x = static_cast<int64_t>(xs.size()),
          .windows_y = static_cast<int64_t>(ys.size()),
          .window_width = 224,
          .window_height = 224,
          .grid_h = 14,
          .grid_w = 14,
          .queries = queries,
          .resized_width = photo.resized_width,
          .resized_height = 336,
          .photo_width = photo.width,
          .photo_height = photo.height};
}

KernelCase window_merge(MergedPhoto photo, int64_t queries, std::optional<float> area) {
  const auto pixels = static_cast<double>(photo.pixels());
  return {.name = str("window-merge-", queries, area ? "-area" : ""),
          .shape = str(photo.width, "×", photo.height, ", 8 windows, ", queries, " queries"),
          .floor = {.bytes = static_cast<double>(8 * 196 * queries * 4) + pixels * 6, .written = pixels * 6},
          .prepare = prepared(
              [=](Arrays& a) {
                std::vector<int32_t> query_class(static_cast<size_t>(queries));
                for (int64_t k = 0; k < queries; ++k) query_class[static_cast<size_t>(k)] = static_cast<int32_t>(k);
                return WindowMergeParams{.windows = window_logits(a, photo, queries),
                                         .rule = {.queries = queries,
                                                  .classes = queries,
                                                  .query_class = a.copy(query_class),
                                                  .logit_scale = 40,
                                                  .area_threshold = area},
                                         .out = {.labels = a.room<uint16_t>(photo.pixels()),
                                                 .scores = a.room<float>(photo.pixels()),
                                                 .statistics = a.room<LabelStatistics>(queries)}};
              },
              [](Stream& s, const WindowMergeParams& p) { s.window_merge(p); })};
}

KernelCase window_planes(MergedPhoto photo, int64_t queries, int64_t count) {
  const auto pixels = static_cast<double>(photo.pixels());
  const double planes = pixels * 4 * static_cast<double>(count);
  return {.name = "window-planes",
          .shape = str(photo.width, "×", photo.height, ", 8 windows, ", count, " of ", queries, " queries"),
          .floor = {.bytes = static_cast<double>(8 * 196 * count * 4) + planes, .written = planes},
          .prepare = prepared(
              [=](Arrays& a) {
                return WindowPlanesParams{.windows = window_logits(a, photo, queries),
                                          .first_query = 8,
                                          .count = count,
                                          .planes = a.room<float>(count * photo.pixels())};
              },
              [](Stream& s, const WindowPlanesParams& p) { s.window_planes(p); })};
}

// Prompts that share their first words: nodes in chains of 8 below a common root of 8.
KernelCase tree_attention(int64_t nodes, int64_t heads, int64_t head_dim) {
  const auto row = static_cast<double>(heads * head_dim);
  return {
      .name = "tree-attention",
      .shape = str(nodes, " nodes, ", heads, " heads of ", head_dim, ", f32"),
      .floor = {.bytes = static_cast<double>(nodes) * (row * 16 + 4), .written = static_cast<double>(nodes) * row * 4},
      .prepare = prepared(
          [=](Arrays& a) {
            std::vector<int32_t> parent(static_cast<size_t>(nodes));
            for (int32_t i = 0; i < nodes; ++i) {
              parent[static_cast<size_t>(i)] = i < 8 || i % 8 != 0 ? i - 1 : 7;
            }
            const auto count = static_cast<int64_t>(nodes * heads * head_dim);
            return TreeAttentionParams{.qkv = a.normal(3 * count),
                                       .out = a.room<float>(count),
                                       .parent = a.copy(parent),
                                       .nodes = nodes,
                                       .max_depth = 77,
                                       .heads = heads,
                                       .head_dim = head_dim,
                                       .softmax_scale = 0.125f};
          },
          [](Stream& s, const TreeAttentionParams& p) { s.tree_attention(p); })};
}

// A layer of the tower: the product, its bias and what follows.
KernelCase linear(DType dtype, const std::string& name, int64_t rows, int64_t inputs, int64_t outputs,
                  Epilogue epilogue) {
  const bool residual = epilogue == Epilogue::kResidual;
  const DType y_dtype = residual ? DType::kF32 : dtype;
  const auto m = static_cast<double>(rows), k = static_cast<double>(inputs), n = static_cast<double>(outputs);
  const double y = m * n * static_cast<double>(bytes_of(y_dtype));
  return {.name = name,
          .shape = str(rows, "×", inputs, " → ", outputs, " ", name_of(dtype), residual ? ", += f32" : ""),
          .floor = {.mma = m * n * k / 2048,
                    .bytes = (m * k + n * k) * static_cast<double>(bytes_of(dtype)) + n * 4 + y,
                    .written = y},
          .prepare = [=](Backend& backend, Stream& stream) -> std::function<void()> {
            auto a = std::make_shared<Arrays>(backend, stream);
            const auto weight = random_normal(static_cast<size_t>(inputs * outputs), 96, 0.03f);
            const auto bias = random_normal(static_cast<size_t>(outputs), 95);
            std::shared_ptr<Linear> layer = backend.make_linear(
                {.name = name,
                 .weight = {.data = weight.data(), .dtype = DType::kF32, .shape = {outputs, inputs}},
                 .bias = {.data = bias.data(), .dtype = DType::kF32, .shape = {outputs}},
                 .epilogue = epilogue,
                 .input = dtype,
                 .output = y_dtype});
            void* x = a->normal(dtype, rows * inputs);
            void* y_data = a->room(y_dtype, rows * outputs);
            return [a, layer, x, y_data, rows, &stream] { stream.linear(*layer, x, rows, y_data); };
          }};
}

std::vector<KernelCase> small_cases(DType dtype) {
  return {
      attention(dtype, "attention-csa-197", AttentionScores::kCorrelative, 2, 197, 12, 64),
      attention(dtype, "attention-clip-197", AttentionScores::kQueryKey, 2, 197, 12, 64),
      attention(dtype, "attention-qq-197", AttentionScores::kQueryQuery, 2, 197, 12, 64),
      attention(dtype, "attention-kk-197", AttentionScores::kKeyKey, 2, 197, 12, 64),
      attention(dtype, "attention-csa-256", AttentionScores::kCorrelative, 1, 256, 12, 64),
      attention(dtype, "attention-csa-577", AttentionScores::kCorrelative, 1, 577, 4, 64),
      attention(dtype, "attention-clip-577", AttentionScores::kQueryKey, 1, 577, 4, 64),
      attention_mix(dtype, "attention-added-197", false, 2, 197, 12, 64),
      attention_mix(dtype, "attention-added-577", false, 1, 577, 4, 64),
      attention_mix(dtype, "attention-returned-197", true, 2, 197, 12, 64),
      attention_values(dtype, "attention-values-197", 2, 197, 12, 64),
      patch_embed(dtype, 3, 2, 16, 768),
      patch_embed(dtype, 2, 1, 14, 1024),
      layernorm(dtype, 394, 768),
      gelu(dtype, 394, 3072),
      l2_normalize(394, 512),
      tree_attention(512, 8, 64),
      embed_tokens(dtype, 2048, 512),
      gather_rows(256, 512),
      resize_normalize(640, 427, 504, 336),
      overlay(640, 427),
      pamr_weights(640, 427),
      pamr(640, 427, 21),
      propagate_labels("propagation-pool", PropagationStep::kPool, 640, 427, 21),
      propagate_labels("propagation-step", PropagationStep::kIterate, 640, 427, 21),
      propagate_labels("propagation-planes", PropagationStep::kPlanes, 640, 427, 21),
      label_planes(640, 427, 8),
      window_merge({}, 21, std::nullopt),
      window_merge({}, 171, std::nullopt),
      window_merge({}, 21, 0.1f),
      window_planes({}, 171, 8),
  };
}

std::vector<KernelCase> device_cases(DType dtype) {
  const MergedPhoto photo{.width = 4000, .height = 3000, .resized_width = 448};
  return {
      attention(dtype, "attention-csa-197", AttentionScores::kCorrelative, 64, 197, 12, 64),
      attention(dtype, "attention-clip-197", AttentionScores::kQueryKey, 64, 197, 12, 64),
      attention(dtype, "attention-qq-197", AttentionScores::kQueryQuery, 64, 197, 12, 64),
      attention(dtype, "attention-csa-441", AttentionScores::kCorrelative, 32, 442, 12, 64),
      attention(dtype, "attention-clip-441", AttentionScores::kQueryKey, 32, 442, 12, 64),
      attention(dtype, "attention-csa-785", AttentionScores::kCorrelative, 16, 785, 12, 64),
      attention(dtype, "attention-clip-785", AttentionScores::kQueryKey, 16, 785, 12, 64),
      attention_mix(dtype, "attention-added-197", false, 64, 197, 12, 64),
      attention_values(dtype, "attention-values-197", 64, 197, 12, 64),
      patch_embed(dtype, 8, 8, 16, 768),
      layernorm(dtype, 256 * 197, 768),
      gelu(dtype, 128 * 197, 3072),
      l2_normalize(256 * 196, 512),
      tree_attention(16384, 8, 64),
      embed_tokens(dtype, 49408, 512),
      gather_rows(65536, 512),
      resize_normalize(4000, 3000, 2240, 1680),
      overlay(4000, 3000),
      pamr_weights(2000, 1500),
      pamr(2000, 1500, 21),
      propagate_labels("propagation-pool", PropagationStep::kPool, 2000, 1500, 21),
      propagate_labels("propagation-step", PropagationStep::kIterate, 2000, 1500, 171),
      propagate_labels("propagation-planes", PropagationStep::kPlanes, 2000, 1500, 21),
      label_planes(4000, 3000, 8),
      window_merge(photo, 21, std::nullopt),
      window_merge(photo, 171, std::nullopt),
      window_merge(photo, 21, 0.1f),
      window_planes(photo, 171, 8),
  };
}

std::vector<KernelCase> processor_cases(DType dtype) {
  const MergedPhoto large{.width = 4000, .height = 3000, .resized_width = 448};
  return {
      attention(dtype, "attention-csa-197", AttentionScores::kCorrelative, 8, 197, 12, 64),
      attention(dtype, "attention-clip-197", AttentionScores::kQueryKey, 8, 197, 12, 64),
      attention(dtype, "attention-csa-785", AttentionScores::kCorrelative, 2, 785, 12, 64),
      attention(dtype, "attention-clip-785", AttentionScores::kQueryKey, 2, 785, 12, 64),
      attention_mix(dtype, "attention-added-197", false, 8, 197, 12, 64),
      attention_values(dtype, "attention-values-197", 8, 197, 12, 64),
      patch_embed(dtype, 4, 2, 16, 768),
      linear(dtype, "linear-qkv", 8 * 197, 768, 2304, Epilogue::kNone),
      linear(dtype, "linear-out", 8 * 197, 768, 768, Epilogue::kResidual),
      linear(dtype, "linear-fc1", 8 * 197, 768, 3072, Epilogue::kQuickGelu),
      linear(dtype, "linear-fc2", 8 * 197, 3072, 768, Epilogue::kResidual),
      linear(dtype, "linear-fc1-197", 197, 768, 3072, Epilogue::kQuickGelu),
      layernorm(dtype, 8 * 197, 768),
      l2_normalize(8 * 196, 512),
      tree_attention(2048, 8, 64),
      embed_tokens(dtype, 8192, 512),
      gather_rows(4096, 512),
      resize_normalize(4000, 3000, 448, 336),
      overlay(640, 427),
      overlay(4000, 3000),
      pamr_weights(640, 427),
      pamr(640, 427, 21),
      propagate_labels("propagation-pool", PropagationStep::kPool, 640, 427, 21),
      propagate_labels("propagation-step", PropagationStep::kIterate, 640, 427, 21),
      propagate_labels("propagation-planes", PropagationStep::kPlanes, 640, 427, 21),
      label_planes(640, 427, 8),
      window_merge({}, 21, std::nullopt),
      window_merge({}, 171, std::nullopt),
      window_merge({}, 21, 0.1f),
      window_merge(large, 21, std::nullopt),
      window_planes({}, 171, 8),
  };
}

}  // namespace

std::vector<KernelCase> tower_cases(CaseSize size, DType dtype) {
  switch (size) {
    case CaseSize::kSmall: return small_cases(dtype);
    case CaseSize::kDevice: return device_cases(dtype);
    case CaseSize::kProcessor: return processor_cases(dtype);
  }
  return {};
}

}  // namespace sclip
