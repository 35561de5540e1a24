// Three passes in parallel: patches, whose labels are sorted in the worker's memory; rows of V, whose lines read cells
// from a table that is made once a call; and rows of the bias, when the largest entry is known. Limit: about N²·N^½ / 2
// cells of lines where labels agree over large parts, 31 products in double an entry otherwise: 1 ms for 196 patches.
#include "kernels/label_affinity/label_affinity.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "core/carver.h"
#include "core/dtype.h"

namespace sclip {
namespace {

// Which cell the line from `start` to `end` of an axis is in, at each point: (length, length, points).
void fill_cells(int64_t length, int64_t points, int16_t* cells) {
  const float step = points > 1 ? 1.0f / static_cast<float>(points - 1) : 0;
  for (int64_t i = 0; i < points; ++i) {
    // As torch.linspace: from the nearer end, the upper half with one rounding.
    const float t = i < points / 2 ? step * static_cast<float>(i)
                    : points == 1  ? 0
                                   : std::fma(-step, static_cast<float>(points - 1 - i), 1.0f);
    const float rest = 1 - t;
    for (int64_t start = 0; start < length; ++start) {
      for (int64_t end = 0; end < length; ++end) {
        const float a = static_cast<float>(start) * rest, b = static_cast<float>(end) * t;
        cells[(start * length + end) * points + i] = static_cast<int16_t>(std::nearbyint(a + b));
      }
    }
  }
}

int32_t most_frequent(const LabelAffinityParams& p, int64_t window, int64_t patch, uint16_t* sorted) {
  const uint16_t* from =
      p.labels + window * p.height * p.width + patch / p.grid_w * p.patch * p.width + patch % p.grid_w * p.patch;
  for (int64_t y = 0; y < p.patch; ++y) {
    std::memcpy(sorted + y * p.patch, from + y * p.width, static_cast<size_t>(p.patch) * sizeof(uint16_t));
  }
  const int64_t count = p.patch * p.patch;
  std::sort(sorted, sorted + count);
  int64_t best = 0, most = 0;
  for (int64_t begin = 0, end; begin < count; begin = end) {
    for (end = begin; end < count && sorted[end] == sorted[begin]; ++end) {
    }
    if (end - begin > most) {
      most = end - begin;
      best = sorted[begin];
    }
  }
  return static_cast<int32_t>(best);
}

struct Tables {
  double *taps, *decay;  // (taps), (c_max + 1)
  int16_t *rows, *columns;
  size_t bytes;
};

Tables tables(void* memory, const LabelAffinityParams& p) {
  const int64_t points = std::max(p.grid_h, p.grid_w);
  Carver carver(memory);
  Tables t{};
  carver.take(t.taps, affinity_taps(p.grid_h * p.grid_w));
  carver.take(t.decay, points);
  carver.take(t.rows, p.grid_h * p.grid_h * points);
  carver.take(t.columns, p.grid_w * p.grid_w * points);
  t.bytes = carver.bytes();
  return t;
}

Tables make_tables(const LabelAffinityParams& p, CpuQueue queue) {
  const Tables t = tables(queue.scratch->shared(tables(nullptr, p).bytes), p);
  const int64_t points = std::max(p.grid_h, p.grid_w), taps = affinity_taps(p.grid_h * p.grid_w);
  double total = 0;
  for (int64_t k = 0; k < taps; ++k) {
    const double at = static_cast<double>(k - taps / 2) / kAffinitySigma;
    t.taps[k] = std::exp(-at * at / 2);
    total += t.taps[k];
  }
  for (int64_t k = 0; k < taps; ++k) t.taps[k] /= total;
  t.decay[0] = 1;
  for (int64_t c = 1; c < points; ++c) {
    t.decay[c] = std::exp(-static_cast<double>(c) / static_cast<double>(points - 1));
  }
  fill_cells(p.grid_h, points, t.rows);
  fill_cells(p.grid_w, points, t.columns);
  return t;
}

// Row i of a window's V before the last division, and its largest entry. `v`: h·w doubles, zeros on both sides.
double make_row(const LabelAffinityParams& p, const Tables& t, const int32_t* labels, int64_t i, double* v,
                double* out) {
  const int64_t n = p.grid_h * p.grid_w, points = std::max(p.grid_h, p.grid_w), taps = affinity_taps(n);
  const int64_t y0 = i / p.grid_w, x0 = i % p.grid_w;
  for (int64_t j = 0; j < n; ++j) {
    v[j] = 0;
    if (labels[j] != labels[i]) continue;
    const int64_t y1 = j / p.grid_w, x1 = j % p.grid_w, c = std::max(std::abs(y0 - y1), std::abs(x0 - x1));
    const int16_t* row = t.rows + (y0 * p.grid_h + y1) * points;
    const int16_t* column = t.columns + (x0 * p.grid_w + x1) * points;
    int64_t s = 0;
    while (s <= c && labels[row[s] * p.grid_w + column[s]] == labels[i]) ++s;
    v[j] = s > c ? 1 : t.decay[c];
  }
  double sum = 0, most = 0;
  for (int64_t j = 0; j < n; ++j) {
    double smooth = 0;
    for (int64_t k = 0; k < taps; ++k) smooth += t.taps[k] * v[j + k - taps / 2];
    out[j] = smooth;
    sum += smooth;
  }
  for (int64_t j = 0; j < n; ++j) {
    out[j] /= sum + 1e-8;
    most = std::max(most, out[j]);
  }
  return most;
}

}  // namespace

void label_affinity_cpu(const LabelAffinityParams& p, CpuQueue queue) {
  check_params(p);
  const int64_t n = p.grid_h * p.grid_w, tokens = n + 1, margin = affinity_taps(n) / 2;
  const auto row_bytes = static_cast<size_t>(n + 2 * margin) * sizeof(double);
  queue.scratch->reserve_workers(queue.pool->threads_here(),
                                 std::max(row_bytes, static_cast<size_t>(p.patch * p.patch) * sizeof(uint16_t)));
  const Tables t = make_tables(p, queue);
  queue.pool->parallel_for_workers(p.batch * n, [&](int worker, int64_t i) {
    p.patch_labels[i] = most_frequent(p, i / n, i % n, reinterpret_cast<uint16_t*>(queue.scratch->worker(worker)));
  });
  queue.pool->parallel_for_workers(p.batch * n, [&](int worker, int64_t i) {
    auto* memory = reinterpret_cast<double*>(queue.scratch->worker(worker));
    std::memset(memory, 0, row_bytes);
    p.largest[i] = make_row(p, t, p.patch_labels + i / n * n, i % n, memory + margin, p.affinity + i * n);
  });
  queue.pool->parallel_for(p.batch * tokens, [&](int64_t row) {
    const int64_t b = row / tokens, i = row % tokens;
    float* bias = p.bias + row * tokens;
    if (p.omega != nullptr) {
      std::copy_n(p.omega + i * tokens, tokens, bias);
    } else {
      std::fill_n(bias, tokens, 0.0f);
    }
    if (i == 0) return;
    const double most = *std::max_element(p.largest + b * n, p.largest + (b + 1) * n);
    const double* v = p.affinity + (b * n + i - 1) * n;
    for (int64_t j = 0; j < n; ++j) {
      const float unit = to_float(to_float16(static_cast<float>(v[j] / most)));
      bias[j + 1] += p.scale * to_float(to_float16(p.lambda * unit));
    }
  });
}

}  // namespace sclip
