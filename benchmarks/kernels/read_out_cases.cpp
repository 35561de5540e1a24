// The kernels of read-outs that compare patches with each other, or with the words (engine/dense_head).
#include "benchmarks/kernels/arrays.h"
#include "benchmarks/kernels/kernel_cases.h"
#include "benchmarks/kernels/prepared.h"
#include "kernels/adapt_words/adapt_words.h"
#include "kernels/add_rows/add_rows.h"
#include "kernels/choose_heads/choose_heads.h"
#include "kernels/feature_surgery/feature_surgery.h"
#include "kernels/label_affinity/label_affinity.h"
#include "kernels/mean_norm/mean_norm.h"
#include "kernels/outlier_patches/outlier_patches.h"
#include "kernels/procrustes/procrustes.h"
#include "kernels/similarity_maps/similarity_maps.h"
#include "kernels/soften_sinks/soften_sinks.h"
#include "sclip/error.h"

namespace sclip {
namespace {

KernelCase mean_norm(DType dtype, int64_t batch, int64_t rows, int64_t cols) {
  return {.name = "mean-norm",
          .shape = str(batch, " windows of ", rows, "×", cols, " ", name_of(dtype)),
          .floor = {.bytes = static_cast<double>(batch * (rows * cols * bytes_of(dtype) + 4)),
                    .written = static_cast<double>(batch * 4)},
          .prepare = prepared(
              [=](Arrays& a) {
                return MeanNormParams{.x = a.normal(dtype, batch * rows * cols),
                                      .out = a.room<float>(batch),
                                      .dtype = dtype,
                                      .batch = batch,
                                      .rows = rows,
                                      .cols = cols,
                                      .x_stride = rows * cols};
              },
              [](Stream& s, const MeanNormParams& p) { s.mean_norm(p); })};
}

KernelCase feature_surgery(int64_t batch, int64_t rows, int64_t words) {
  const auto scores = static_cast<double>(batch * rows * words) * 4;
  return {.name = "feature-surgery",
          .shape = str(batch, " windows of ", rows, " patches, ", words, " words"),
          // Scores are read and written in their place.
          .floor = {.bytes = scores + static_cast<double>(batch * words) * 4, .written = scores},
          .prepare = prepared(
              [=](Arrays& a) {
                return FeatureSurgeryParams{.window_scores = a.normal(batch * words, 0.1f),
                                            .scores = a.normal(batch * rows * words, 0.1f),
                                            .batch = batch,
                                            .rows = rows,
                                            .words = words};
              },
              [](Stream& s, const FeatureSurgeryParams& p) { s.feature_surgery(p); })};
}

KernelCase procrustes(DType dtype, int64_t batch, int64_t tokens, int64_t heads, int64_t head_dim) {
  const auto bytes = static_cast<double>(batch * tokens * heads * head_dim * bytes_of(dtype));
  return {.name = str("procrustes-", tokens),
          .shape = str(batch, "×", tokens, "×", heads, "×", head_dim, " ", name_of(dtype), ", q in place"),
          .floor = {.bytes = 2 * bytes, .written = bytes},
          .prepare = prepared(
              [=](Arrays& a) {
                return ProcrustesParams{.qkv = a.normal(dtype, 3 * batch * tokens * heads * head_dim),
                                        .dtype = dtype,
                                        .alpha = 0.08f,
                                        .batch = batch,
                                        .tokens = tokens,
                                        .heads = heads,
                                        .head_dim = head_dim};
              },
              [](Stream& s, const ProcrustesParams& p) { s.procrustes(p); })};
}

// No sink among them, as in most windows: every row is read once.
KernelCase soften_sinks(int64_t batch, int64_t grid, int64_t cols) {
  const auto patches = static_cast<double>(batch * grid * grid);
  return {.name = "soften-sinks",
          .shape = str(batch, " × ", grid, "×", grid, " patches of ", cols, ", f32"),
          .floor = {.bytes = patches * static_cast<double>(cols * 4 + 4), .written = patches * 4},
          .prepare = prepared(
              [=](Arrays& a) {
                const int64_t count = batch * grid * grid;
                return SoftenSinksParams{.x = a.normal(count * cols),
                                         .softened = a.room<float>(count * cols),
                                         .sinks = a.room<int32_t>(count),
                                         .batch = batch,
                                         .grid_h = grid,
                                         .grid_w = grid,
                                         .cols = cols,
                                         .x_stride = grid * grid * cols,
                                         .channels = {4, 162, 189, 326, 429, 474, 633, 713},
                                         .channel_count = 8};
              },
              [](Stream& s, const SoftenSinksParams& p) { s.soften_sinks(p); })};
}

// Every query a cluster by itself, so that every column is written twice.
KernelCase adapt_words(int64_t batch, int64_t patches, int64_t embed_dim, int64_t queries) {
  const auto cosines = static_cast<double>(batch * patches * queries) * 4;
  return {.name = "adapt-words",
          .shape = str(batch, " × ", patches, " patches of ", embed_dim, ", ", queries, " queries"),
          .floor = {.bytes = static_cast<double>((batch * patches + queries) * embed_dim * 4) + cosines,
                    .written = 2 * cosines},
          .prepare = prepared(
              [=](Arrays& a) {
                std::vector<int32_t> begins(static_cast<size_t>(queries + 1)), members(static_cast<size_t>(queries));
                for (size_t k = 0; k < begins.size(); ++k) begins[k] = static_cast<int32_t>(k);
                for (size_t k = 0; k < members.size(); ++k) members[k] = static_cast<int32_t>(k);
                return AdaptWordsParams{.features = a.normal(batch * patches * embed_dim, 0.04f),
                                        .words = a.normal(queries * embed_dim, 0.04f),
                                        .fit = a.normal(queries, 0.1f),
                                        .begins = a.copy(begins),
                                        .members = a.copy(members),
                                        .cosines = a.normal(batch * patches * queries, 0.1f),
                                        .batch = batch,
                                        .patches = patches,
                                        .embed_dim = embed_dim,
                                        .queries = queries,
                                        .clusters = queries,
                                        .alpha = 0.03f,
                                        .weight = 0.1f};
              },
              [](Stream& s, const AdaptWordsParams& p) { s.adapt_words(p); })};
}

// Two labels that share the window along its diagonal.
KernelCase label_affinity(int64_t batch, int64_t grid, int64_t patch) {
  const int64_t side = grid * patch, n = grid * grid;
  const auto entries = static_cast<double>(batch * n * n);
  return {.name = "label-affinity",
          .shape = str(batch, " windows of ", grid, "×", grid, " patches of ", patch, " pixels"),
          // The kernel with most instructions counts labels, and reads them once. Written is V twice, the second time
          // divided by its row's sum, and the bias once.
          .floor = {.bytes = static_cast<double>(batch * (side * side * 2 + n * 4)), .written = entries * (8 + 8 + 4)},
          .prepare = prepared(
              [=](Arrays& a) {
                std::vector<uint16_t> labels(static_cast<size_t>(batch * side * side));
                for (size_t i = 0; i < labels.size(); ++i) {
                  const auto at = static_cast<int64_t>(i) % (side * side);
                  labels[i] = static_cast<uint16_t>(at % side > at / side ? 1 : 0);
                }
                return LabelAffinityParams{.labels = a.copy(labels),
                                           .omega = a.normal((n + 1) * (n + 1)),
                                           .patch_labels = a.room<int32_t>(batch * n),
                                           .affinity = a.room<double>(batch * n * n),
                                           .largest = a.room<double>(batch * n),
                                           .bias = a.room<float>(batch * (n + 1) * (n + 1)),
                                           .batch = batch,
                                           .height = side,
                                           .width = side,
                                           .patch = patch,
                                           .grid_h = grid,
                                           .grid_w = grid,
                                           .lambda = 0.7f,
                                           .scale = 1.8f};
              },
              [](Stream& s, const LabelAffinityParams& p) { s.label_affinity(p); })};
}

KernelCase add_rows(int64_t rows, int64_t cols) {
  return {.name = "add-rows",
          .shape = str(rows, "×", cols, " f32"),
          .floor = {.bytes = static_cast<double>(rows * cols * 8), .written = static_cast<double>(rows * cols * 4)},
          .prepare = prepared(
              [=](Arrays& a) {
                return AddRowsParams{
                    .x = a.normal(rows * cols), .y = a.normal(rows * cols), .rows = rows, .cols = cols};
              },
              [](Stream& s, const AddRowsParams& p) { s.add_rows(p); })};
}

// Three kernels, of which the distances are the largest.
KernelCase lof_scores(int64_t batch, int64_t rows, int64_t cols) {
  const auto distances = static_cast<double>(batch * rows * rows) * 4;
  return {.name = "lof-scores",
          .shape = str(batch, "×", rows, "×", cols, " f32"),
          // Radii and scores read the distances once each.
          .floor = {.bytes = static_cast<double>(batch * rows * cols) * 4 + distances, .written = distances},
          .prepare = prepared(
              [=](Arrays& a) {
                return LofScoresParams{.x = a.normal(batch * rows * cols),
                                       .distances = a.room<float>(batch * rows * rows),
                                       .radii = a.room<float>(batch * rows),
                                       .scores = a.room<float>(batch * rows),
                                       .batch = batch,
                                       .rows = rows,
                                       .cols = cols,
                                       .x_stride = rows * cols};
              },
              [](Stream& s, const LofScoresParams& p) { s.lof_scores(p); })};
}

KernelCase mark_patches(int64_t batch, int64_t rows) {
  const auto values = static_cast<double>(batch * rows) * 4;
  return {.name = "mark-patches",
          .shape = str(batch, "×", rows),
          .floor = {.bytes = 2 * values, .written = values},
          .prepare = prepared(
              [=](Arrays& a) {
                return MarkPatchesParams{.scores = a.normal(batch * rows),
                                         .scores_stride = rows,
                                         .mask = a.room<int32_t>(batch * rows),
                                         .batch = batch,
                                         .rows = rows};
              },
              [](Stream& s, const MarkPatchesParams& p) { s.mark_patches(p); })};
}

// Every 20th patch: itself and up to eight neighbours, which no other one has.
KernelCase repair_patches(int64_t batch, int64_t side, int64_t cols) {
  const int64_t rows = side * side;
  int64_t marked = 0, touched = 0;
  for (int64_t i = 0; i < rows; i += 20) {
    const auto reach = [side](int64_t at) { return at == 0 || at == side - 1 ? 2 : 3; };
    touched += batch * reach(i / side) * reach(i % side);
    marked += batch;
  }
  return {.name = "repair-patches",
          .shape = str(marked, " of ", batch, "×", rows, " rows of ", cols),
          .floor = {.bytes = static_cast<double>(touched * cols * 4 + batch * rows * 4),
                    .written = static_cast<double>(marked * cols * 4)},
          .prepare = prepared(
              [=](Arrays& a) {
                std::vector<int32_t> mask(static_cast<size_t>(batch * rows));
                for (size_t i = 0; i < mask.size(); ++i) mask[i] = i % static_cast<size_t>(rows) % 20 == 0 ? 1 : 0;
                return RepairPatchesParams{.x = a.normal(batch * rows * cols),
                                           .mask = a.copy(mask),
                                           .batch = batch,
                                           .grid_h = side,
                                           .grid_w = side,
                                           .cols = cols,
                                           .x_stride = rows * cols};
              },
              [](Stream& s, const RepairPatchesParams& p) { s.repair_patches(p); })};
}

KernelCase similarity_maps(int64_t batch, int64_t patches) {
  const auto map = static_cast<double>(batch * patches * patches) * 4;
  return {.name = "similarity-maps",
          .shape = str(batch, "×", patches, "×", patches, " f32, both maps"),
          .floor = {.bytes = 3 * map, .written = 2 * map},
          .prepare = prepared(
              [=](Arrays& a) {
                return SimilarityMapsParams{.x = a.normal(batch * patches * patches, 0.3f),
                                            .sums = a.room<float>(batch * patches),
                                            .rows = a.room<float>(batch * patches * patches),
                                            .attention = a.room<float>(batch * patches * patches),
                                            .batch = batch,
                                            .patches = patches};
              },
              [](Stream& s, const SimilarityMapsParams& p) { s.similarity_maps(p); })};
}

// Three kernels: every map is read for its entropy, the chosen ones, a third, once more.
KernelCase choose_heads(DType dtype, int64_t batch, int64_t heads, int64_t tokens) {
  const auto map = static_cast<double>(batch * tokens * tokens);
  return {
      .name = "choose-heads",
      .shape = str(heads / 3, " of ", heads, " heads, ", batch, "×", tokens, " tokens, ", name_of(dtype)),
      .floor = {.bytes = map * 4 * static_cast<double>(heads), .written = map * static_cast<double>(bytes_of(dtype))},
      .prepare = prepared(
          [=](Arrays& a) {
            std::vector<float> maps(static_cast<size_t>(batch * heads * tokens * tokens));
            for (size_t i = 0; i < maps.size(); ++i) maps[i] = static_cast<float>(i * 2654435761u % 4096) / 4e5f;
            return ChooseHeadsParams{.maps = a.copy(maps),
                                     .row_entropies = a.room<float>(batch * heads * tokens),
                                     .chosen = a.room<int32_t>(batch * heads),
                                     .out = a.room(dtype, batch * tokens * tokens),
                                     .out_dtype = dtype,
                                     .batch = batch,
                                     .heads = heads,
                                     .tokens = tokens,
                                     .count = heads / 3};
          },
          [](Stream& s, const ChooseHeadsParams& p) { s.choose_heads(p); })};
}

}  // namespace

std::vector<KernelCase> read_out_cases(CaseSize size, DType dtype) {
  switch (size) {
    case CaseSize::kSmall:
      return {
          mean_norm(dtype, 8, 197, 768),
          feature_surgery(4, 196, 171),
          procrustes(dtype, 2, 197, 12, 64),
          soften_sinks(2, 14, 768),
          adapt_words(2, 196, 512, 21),
          label_affinity(1, 14, 16),
          add_rows(394, 768),
          lof_scores(2, 196, 768),
          mark_patches(2, 196),
          repair_patches(2, 14, 768),
          similarity_maps(2, 196),
          choose_heads(dtype, 2, 12, 196),
      };
    case CaseSize::kDevice:
      return {
          mean_norm(dtype, 256, 197, 768), feature_surgery(256, 196, 171), procrustes(dtype, 64, 197, 12, 64),
          soften_sinks(256, 14, 768),      adapt_words(64, 196, 512, 171), label_affinity(64, 14, 16),
          add_rows(256 * 197, 768),        lof_scores(64, 196, 768),       mark_patches(256, 196),
          repair_patches(256, 14, 768),    similarity_maps(256, 196),      choose_heads(dtype, 64, 12, 196),
      };
    case CaseSize::kProcessor:
      return {
          mean_norm(dtype, 8, 197, 768), feature_surgery(8, 196, 171),  procrustes(dtype, 8, 197, 12, 64),
          soften_sinks(8, 14, 768),      adapt_words(8, 196, 512, 171), label_affinity(8, 14, 16),
          add_rows(8 * 197, 768),        lof_scores(8, 196, 768),       mark_patches(8, 196),
          repair_patches(8, 14, 768),    similarity_maps(8, 196),       choose_heads(dtype, 8, 12, 196),
      };
  }
  return {};
}

}  // namespace sclip
