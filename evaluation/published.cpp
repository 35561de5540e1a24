#include "evaluation/published.h"

#include <algorithm>

#include "sclip/error.h"

namespace sclip {
namespace {

constexpr Protocol kUsual = {};
constexpr std::string_view kInPaper = "SCLIP, ECCV 2024", kInCode = "SCLIP, the authors' code";

constexpr PublishedRow kRows[] = {
    // table, policy, refine, protocol, source, VOC21 C60 Object VOC20 City C59 ADE Stuff Stuff10k
    {0, "sclip", "none", kUsual, kInCode, {59.63, 31.74, 33.52, 81.54, 32.34, 34.46, 16.45, 22.77, 25.91}},

    {1, "clip", "none", kUsual, kInPaper, {18.8, 9.9, 8.1, 49.4, 6.5, 11.1, 3.1, 5.7}},
    {1, "maskclip", "none", kUsual, kInPaper, {43.4, 23.2, 20.6, 74.9, 24.9, 26.4, 11.9, 16.7}},
    {1, "sclip", "none", kUsual, kInPaper, {59.1, 30.4, 30.5, 80.4, 32.2, 34.2, 16.1, 22.4}},
    {1, "sclip", "pamr", kUsual, kInPaper, {61.7, 31.5, 32.1, 83.5, 34.1, 36.1, 17.8, 23.9}},

    // Which numbers of random matrices the second and third row of Table 2 have, its text does not say.
    {2, "identity", "none", kUsual, kInPaper, {57.5, 0, 0, 0, 0, 33.0, 0, 21.5}},
    {2, "q-only", "none", kUsual, kInPaper, {58.2, 0, 0, 0, 0, 33.5, 0, 21.7}},
    {2, "k-only", "none", kUsual, kInPaper, {58.4, 0, 0, 0, 0, 33.1, 0, 21.8}},
    {2, "learned", "none", kUsual, kInPaper, {60.4, 0, 0, 0, 0, 34.7, 0, 22.6}},
    {2, "random-1", "none", kUsual, kInPaper, {57.1, 0, 0, 0, 0, 32.4, 0, 20.6}},
    {2, "sclip", "none", kUsual, kInPaper, {59.1, 0, 0, 0, 0, 34.2, 0, 22.4}},

    // Of Table 3 the rows whose numbers its text gives.
    {3, "clip", "none", kUsual, kInPaper, {18.8, 0, 0, 0, 0, 13.3, 0, 5.7}},
    {3, "hardmax", "none", kUsual, kInPaper, {14.8, 0, 0, 0, 0, 5.7, 0, 4.2}},
    {3, "local-3", "none", kUsual, kInPaper, {42.9, 0, 0, 0, 0, 25.5, 0, 16.0}},
    {3, "layer-1", "none", kUsual, kInPaper, {41.5, 0, 0, 0, 0, 26.2, 0, 16.8}},
    {3, "layer-3", "none", kUsual, kInPaper, {43.0, 0, 0, 0, 0, 26.4, 0, 16.2}},
    {3, "layer-5", "none", kUsual, kInPaper, {41.7, 0, 0, 0, 0, 26.8, 0, 15.4}},
    {3, "layer-7", "none", kUsual, kInPaper, {21.9, 0, 0, 0, 0, 17.3, 0, 10.1}},
    {3, "sclip", "none", kUsual, kInPaper, {59.1, 0, 0, 0, 0, 34.2, 0, 22.4}},

    {4, "sclip", "none", {224, 224, 112}, kInPaper, {56.5, 0, 0, 0, 0, 32.0, 0, 20.5}},
    {4, "sclip", "none", {336, 224, 112}, kInPaper, {59.1, 0, 0, 0, 0, 34.2, 0, 22.4}},
    {4, "sclip", "none", {336, 336, 112}, kInPaper, {58.6, 0, 0, 0, 0, 34.1, 0, 21.9}},
    {4, "sclip", "none", {448, 224, 112}, kInPaper, {60.4, 0, 0, 0, 0, 35.3, 0, 23.4}},
    {4, "sclip", "none", {448, 448, 224}, kInPaper, {58.9, 0, 0, 0, 0, 34.3, 0, 22.1}},

    {0, "naclip", "none", kUsual, "NACLIP, WACV 2025", {58.9, 32.2, 33.2, 79.7, 35.5, 35.2, 17.4, 23.3}},
    {0, "resclip", "none", kUsual, "ResCLIP, CVPR 2025", {61.1, 33.5, 35.0, 86.0, 35.9, 36.8, 18.0, 24.7}},
    {0, "sc-clip", "none", kUsual, "SC-CLIP, its README", {64.6, 36.8, 37.7, 84.3, 41.0, 40.1, 20.1, 26.6}},
    {0, "rf-clip", "none", kUsual, "RF-CLIP, AAAI 2026", {64.8, 36.4, 37.9, 87.0, 41.3, 39.8, 20.4, 26.3}},
    {0, "rf-clip", "pamr", kUsual, "RF-CLIP, AAAI 2026", {67.2, 37.9, 39.1, 87.0, 43.0, 41.4, 21.0, 27.5}},
    {0, "dih-clip", "none", kUsual, "DIH-CLIP, ICCV 2025", {64.2, 36.0, 37.4, 84.9, 40.2, 39.7, 19.6, 26.7}},
    {0, "pearl", "pearl", kUsual, "PEARL, CVPR 2026", {64.1, 35.1, 37.3, 86.9, 37.6, 38.6, 19.4, 26.3}},
    {0, "sfp", "none", kUsual, "SFP as PEARL reproduced it", {56.8, 32.3, 32.1, 83.4, 34.1, 36.0, 18.1, 24.0}},
    {0, "gem", "none", kUsual, "GEM in FreeCP's table", {56.9, 32.6, 31.1, 79.9, 30.8, 35.9, 15.7, 23.7}},
};

}  // namespace

std::string to_string(const Protocol& protocol) {
  return protocol == kUsual ? "" : str(protocol.short_side, "/", protocol.crop, "/", protocol.stride);
}

std::span<const PublishedRow> published_rows() {
  return kRows;
}

std::vector<std::string_view> table_sets(int table) {
  SCLIP_CHECK(table >= 1 && table <= 4, kInvalidArgument, "the paper has no table ", table, ": give 1, 2, 3 or 4");
  std::vector<std::string_view> sets;
  for (size_t i = 0; i < kPublishedSets.size(); ++i) {
    const auto has = [&](const PublishedRow& row) { return row.table == table && row.mean_iou[i] > 0; };
    if (std::any_of(std::begin(kRows), std::end(kRows), has)) sets.push_back(kPublishedSets[i]);
  }
  return sets;
}

std::vector<PublishedFigure> published(std::string_view data_set, std::span<const std::string> policies,
                                       std::string_view refine, const Protocol& protocol, int first) {
  const auto* found = std::find(kPublishedSets.begin(), kPublishedSets.end(), data_set);
  std::vector<PublishedFigure> out;
  if (found == kPublishedSets.end()) return out;
  const auto column = static_cast<size_t>(found - kPublishedSets.begin());
  for (const bool of_first : {true, false}) {
    for (const PublishedRow& row : kRows) {
      const bool asked = std::find(policies.begin(), policies.end(), row.policy) != policies.end();
      if (!asked || row.refine != refine || !(row.protocol == protocol) || row.mean_iou[column] == 0) continue;
      if ((first != 0 && row.table == first) != of_first) continue;
      const auto same = [&](const PublishedFigure& f) {
        return f.mean_iou == row.mean_iou[column] && f.source == row.source;
      };
      if (std::none_of(out.begin(), out.end(), same)) out.push_back({row.mean_iou[column], row.source});
    }
  }
  return out;
}

}  // namespace sclip
