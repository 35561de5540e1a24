#include "benchmarks/kernels/time_kernels.h"

#include <algorithm>
#include <iterator>

#include "benchmarks/kernels/arrays.h"
#include "benchmarks/kernels/kernel_cases.h"
#include "benchmarks/kernels/prepared.h"
#include "benchmarks/kernels/timing.h"
#include "kernels/add_rows/add_rows.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// The better of a plain copy and of the simplest kernel that reads and writes, which all threads share.
double bytes_per_second(Backend& backend, Stream& stream, int rounds) {
  const int64_t rows = backend.is_host() ? 32768 : 131072, cols = 1024, count = rows * cols;
  Arrays a(backend, stream);
  auto* from = static_cast<float*>(a.normal(DType::kF32, count));
  auto* to = static_cast<float*>(a.normal(DType::kF32, count));
  const double bytes = static_cast<double>(count) * 4;
  const double copied = median_seconds(
      stream, [&] { stream.copy(to, from, static_cast<size_t>(count) * sizeof(float)); }, rounds);
  const AddRowsParams p{.x = from, .y = to, .rows = rows, .cols = cols, .x_weight = 0.5f, .y_weight = 0.5f};
  const double added = median_seconds(
      stream, [&] { stream.add_rows(p); }, rounds);
  return std::max(2 * bytes / copied, 3 * bytes / added);
}

// Of a square product, by a weight laid out as the towers' are.
double flops_per_second(Backend& backend, Stream& stream, DType dtype, int64_t side, int rounds) {
  Arrays a(backend, stream);
  const auto weight = random_normal(static_cast<size_t>(side * side), 94, 0.02f);
  const auto layer =
      backend.make_linear({.name = "a large product",
                           .weight = {.data = weight.data(), .dtype = DType::kF32, .shape = {side, side}},
                           .input = dtype,
                           .output = dtype});
  const void* x = a.normal(dtype, side * side);
  void* y = a.room(dtype, side * side);
  const double seconds = median_seconds(
      stream, [&] { stream.linear(*layer, x, side, y); }, rounds);
  return 2 * static_cast<double>(side) * static_cast<double>(side) * static_cast<double>(side) / seconds;
}

// The best of several sizes: a processor's caches prefer small ones, a device large ones.
double best_flops_per_second(Backend& backend, Stream& stream, DType dtype, int rounds) {
  const std::vector<int64_t> sides =
      backend.is_host() ? std::vector<int64_t>{512, 768, 1024, 2048} : std::vector<int64_t>{4096, 8192};
  double best = 0;
  for (int64_t side : sides) best = std::max(best, flops_per_second(backend, stream, dtype, side, rounds));
  return best;
}

std::vector<KernelCase> chosen_cases(const KernelTimingOptions& options, CaseSize size, DType dtype) {
  std::vector<KernelCase> cases = tower_cases(size, dtype), more = read_out_cases(size, dtype);
  cases.insert(cases.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  std::string names;
  for (const KernelCase& c : cases) names += (names.empty() ? "" : ", ") + c.name;
  std::erase_if(cases, [&](const KernelCase& c) { return c.name.find(options.filter) == std::string::npos; });
  SCLIP_CHECK(!cases.empty(), kInvalidArgument, "no kernel's name contains '", options.filter, "'; there are ", names);
  return cases;
}

}  // namespace

KernelTimings time_kernels(const KernelTimingOptions& options) {
  SCLIP_CHECK(options.rounds > 0, kInvalidArgument, options.rounds, " rounds measure nothing: give at least 1");
  const auto backend = make_backend(options.backend);
  const auto stream = backend->make_stream();
  const DType dtype = backend->activation_dtype();
  const auto cases = chosen_cases(options, backend->is_host() ? CaseSize::kProcessor : CaseSize::kDevice, dtype);
  KernelTimings out{.device = backend->description(),
                    .dtype = name_of(dtype),
                    .threads = backend->thread_pool().threads(),
                    .ceilings = {},
                    .kernels = {}};
  if (options.progress) options.progress("ceilings");
  out.ceilings = {.bytes_per_second = bytes_per_second(*backend, *stream, options.rounds),
                  .flops_per_second = best_flops_per_second(*backend, *stream, dtype, std::min(options.rounds, 9))};
  for (const KernelCase& c : cases) {
    if (options.progress) options.progress(c.name);
    const auto call = c.prepare(*backend, *stream);
    out.kernels.push_back({.name = c.name,
                           .shape = c.shape,
                           .bytes = c.floor.bytes,
                           .flops = c.floor.flops(),
                           .seconds = seconds_of(*stream, call, options.rounds)});
  }
  return out;
}

double roofline_share(const KernelTiming& kernel, const MachineCeilings& ceilings, double seconds) {
  return std::max(kernel.bytes / ceilings.bytes_per_second, kernel.flops / ceilings.flops_per_second) / seconds;
}

}  // namespace sclip
