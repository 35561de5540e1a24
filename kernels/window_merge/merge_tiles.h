// The horizontal axis cut into tiles of 16 photo pixels: few patch columns reach a tile, and each gets a dense
// vector of 16 weights, so that mixing a tile is a handful of multiply-adds with broadcast logits and no gather.
//
// Where overlapping windows have their patches in register, their columns carry equal weights throughout a tile:
// such columns form a group and are added up beforehand, once a call, which halves the work of a tile.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "core/buffer.h"
#include "kernels/window_merge/merge_axis.h"

namespace sclip {

struct MergeTiles {
  static constexpr int64_t kPixels = 16;
  using Weights = std::array<float, kPixels>;

  std::vector<int32_t> group_begin;   // (groups + 1) into group_column
  std::vector<int32_t> group_column;  // the sources that a group adds up, ascending
  std::vector<int32_t> tile_begin;    // (tiles + 1) into tile_group
  std::vector<int32_t> tile_group;
  AlignedBuffer<float> weights;  // (tile_group.size(), 16); 0 beyond the photo's edge

  int64_t tiles() const { return static_cast<int64_t>(tile_begin.size()) - 1; }
  int64_t groups() const { return static_cast<int64_t>(group_begin.size()) - 1; }

  void build(const MergeAxis& axis) {
    group_begin.assign(1, 0);
    group_column.clear();
    tile_begin.assign(1, 0);
    tile_group.clear();
    rows_.clear();
    const auto photo = static_cast<int64_t>(axis.begin.size()) - 1;
    for (int64_t first = 0; first < photo; first += kPixels) {
      add_tile(axis, first, std::min(first + kPixels, photo));
      tile_begin.push_back(static_cast<int32_t>(tile_group.size()));
    }
    weights.resize_discard(rows_.size() * kPixels);
    for (size_t i = 0; i < rows_.size(); ++i) std::copy_n(rows_[i].data(), kPixels, weights.data() + i * kPixels);
  }

 private:
  void add_tile(const MergeAxis& axis, int64_t first, int64_t last) {
    columns_.clear();
    for (int64_t i = first; i < last; ++i) {
      for (int32_t t = axis.begin[static_cast<size_t>(i)]; t < axis.begin[static_cast<size_t>(i) + 1]; ++t) {
        const int32_t source = axis.source[static_cast<size_t>(t)];
        auto column =
            std::find_if(columns_.begin(), columns_.end(), [&](const Column& c) { return c.source == source; });
        if (column == columns_.end()) column = columns_.insert(column, Column{source, {}});
        column->weights[static_cast<size_t>(i - first)] = axis.weight[static_cast<size_t>(t)];
      }
    }
    std::sort(columns_.begin(), columns_.end(), [](const Column& a, const Column& b) { return a.source < b.source; });
    for (size_t i = 0; i < columns_.size(); ++i) {
      const auto same = [&](const Column& c) { return c.weights == columns_[i].weights; };
      if (std::any_of(columns_.begin(), columns_.begin() + static_cast<int64_t>(i), same)) continue;
      members_.clear();
      for (const Column& c : columns_) {
        if (same(c)) members_.push_back(c.source);
      }
      tile_group.push_back(find_or_add_group());
      rows_.push_back(columns_[i].weights);
    }
  }

  // From the latest back: neighbouring tiles share their groups.
  int32_t find_or_add_group() {
    for (int64_t g = groups() - 1; g >= 0; --g) {
      const auto begin = group_column.begin() + group_begin[static_cast<size_t>(g)];
      const auto end = group_column.begin() + group_begin[static_cast<size_t>(g) + 1];
      if (std::equal(begin, end, members_.begin(), members_.end())) return static_cast<int32_t>(g);
    }
    group_column.insert(group_column.end(), members_.begin(), members_.end());
    group_begin.push_back(static_cast<int32_t>(group_column.size()));
    return static_cast<int32_t>(groups() - 1);
  }

  struct Column {
    int32_t source;
    Weights weights;
  };
  std::vector<Column> columns_;
  std::vector<int32_t> members_;
  std::vector<Weights> rows_;
};

}  // namespace sclip
