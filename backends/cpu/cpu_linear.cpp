#include "backends/cpu/cpu_linear.h"

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "sclip/error.h"

namespace sclip {
namespace {

using dnnl::memory;

// Rows that a thread should have at least: each row more shares the reading of the weights. Columns are not divided: a
// product into a part of each row of y takes oneDNN's slower path, and sums in another order.
constexpr int64_t kRowsPerTask = 8;

AlignedBuffer<float> to_f32(const TensorView& tensor, ThreadPool& pool) {
  const auto count = tensor.shape.count();
  AlignedBuffer<float> out(static_cast<size_t>(count));
  pool.parallel_ranges(count, 1 << 16, [&](int64_t begin, int64_t end) {
    const auto* src = static_cast<const char*>(tensor.data) + static_cast<size_t>(begin) * size_of(tensor.dtype);
    convert_to_f32(tensor.dtype, src, out.data() + begin, static_cast<size_t>(end - begin));
  });
  return out;
}

}  // namespace

CpuLinear::CpuLinear(const LinearSpec& spec, const dnnl::engine& engine, MatmulPlans& plans, ThreadPool& pool)
    : Linear(spec.weight.shape[spec.transposed ? 0 : 1], spec.weight.shape[spec.transposed ? 1 : 0]),
      name_(spec.name),
      epilogue_(spec.epilogue),
      input_(spec.input),
      output_(spec.output),
      engine_(engine),
      plans_(plans) {
  AlignedBuffer<float> values = to_f32(spec.weight, pool);
  if (spec.bias.data != nullptr) {
    bias_.resize_discard(static_cast<size_t>(outputs()));
    convert_to_f32(spec.bias.dtype, spec.bias.data, bias_.data(), static_cast<size_t>(outputs()));
  }
  try {
    const OneThread scope;
    layout_ = plans_.packed_weights(shape(0));
    weights_.resize_discard(layout_.get_size());
    memory packed(layout_, engine_, weights_.data());
    const auto tag = spec.transposed ? memory::format_tag::ab : memory::format_tag::ba;
    memory plain({{inputs(), outputs()}, memory::data_type::f32, tag}, engine_, values.data());
    dnnl::stream stream(engine_);
    dnnl::reorder(plain, packed).execute(stream, plain, packed);
    stream.wait();
  } catch (const dnnl::error& e) {
    fail(ErrorCode::kUnsupported, "oneDNN cannot lay out ", name_, " (", outputs(), " × ", inputs(), "): ", e.what());
  }
}

MatmulShape CpuLinear::shape(int64_t rows) const {
  return {.rows = rows,
          .inputs = inputs(),
          .outputs = outputs(),
          .input = input_,
          .output = output_,
          .epilogue = epilogue_,
          .bias = bias_.size() > 0};
}

void CpuLinear::run(const void* x, int64_t rows, void* y, CpuQueue queue) const {
  if (rows == 0) return;
  const int64_t threads = queue.pool->threads_here();
  const int64_t pieces = std::clamp<int64_t>(rows / kRowsPerTask, 1, threads);
  const int64_t piece = (rows + pieces - 1) / pieces;
  const int64_t tasks = (rows + piece - 1) / piece;
  const int64_t rest = rows - (tasks - 1) * piece;
  const auto whole = plans_.get(shape(piece), layout_, name_);
  const auto last = rest == piece ? whole : plans_.get(shape(rest), layout_, name_);
  queue.scratch->reserve_workers(static_cast<int>(threads), std::max(whole->scratch_bytes, last->scratch_bytes));
  queue.pool->parallel_for_workers(tasks, [&](int worker, int64_t task) {
    const int64_t row = task * piece;
    multiply(task + 1 == tasks ? *last : *whole,
             static_cast<const char*>(x) + static_cast<size_t>(row * inputs()) * size_of(input_),
             static_cast<char*>(y) + static_cast<size_t>(row * outputs()) * size_of(output_),
             queue.scratch->worker(worker));
  });
}

void CpuLinear::multiply(const MatmulPlan& plan, const void* x, void* y, std::byte* scratch) const {
  try {
    const OneThread scope;
    // oneDNN's handles are not const; only the destination and the scratchpad are written.
    std::unordered_map<int, memory> arguments{
        {DNNL_ARG_SRC, memory(plan.source, engine_, const_cast<void*>(x))},
        {DNNL_ARG_WEIGHTS, memory(layout_, engine_, const_cast<std::byte*>(weights_.data()))},
        {DNNL_ARG_DST, memory(plan.destination, engine_, y)}};
    if (bias_.size() > 0) {
      const memory::desc bias({1, outputs()}, memory::data_type::f32, memory::format_tag::ab);
      arguments.emplace(DNNL_ARG_BIAS, memory(bias, engine_, const_cast<float*>(bias_.data())));
    }
    if (plan.scratch_bytes > 0) {
      const memory::desc bytes({static_cast<memory::dim>(plan.scratch_bytes)}, memory::data_type::u8,
                               memory::format_tag::a);
      arguments.emplace(DNNL_ARG_SCRATCHPAD, memory(bytes, engine_, scratch));
    }
    dnnl::stream stream(engine_);
    plan.primitive.execute(stream, arguments);
    stream.wait();
  } catch (const dnnl::error& e) {
    fail(ErrorCode::kInternal, "oneDNN failed in ", name_, " (", plan.source.dims()[0], " rows): ", e.what());
  }
}

}  // namespace sclip
