#include "backends/cpu/cpu_linear.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "sclip/error.h"

namespace sclip {
namespace {

using dnnl::memory;

// Rows that a thread should have at least: each row more shares the reading of the weights.
constexpr int64_t kRowsPerTask = 8;
// Rows from which dividing them costs less than copying columns into place: each thread then reads all the weights, but
// for so many rows that it hardly matters.
constexpr int64_t kManyRowsPerTask = 192;

// Columns of one block of `layout`, if its blocks of columns are contiguous and make up the matrix.
int64_t column_block(const memory::desc& layout, int64_t columns) {
  const dnnl_blocking_desc_t& blocking = layout.data.format_desc.blocking;
  if (layout.data.format_kind != dnnl_blocked || blocking.inner_nblks == 0) return 0;
  int64_t block = 1;
  for (int i = 0; i < blocking.inner_nblks; ++i) {
    if (blocking.inner_idxs[i] == 1) block *= blocking.inner_blks[i];
  }
  return blocking.strides[1] >= blocking.strides[0] && columns % block == 0 ? block : 0;
}

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
    column_block_ = column_block(layout_, outputs());
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

CpuLinear::Panel CpuLinear::panel(int64_t first, int64_t columns) const {
  Panel out{layout_, weights_.data(), bias_.size() > 0 ? bias_.data() + first : nullptr};
  if (columns == outputs()) return out;
  out.layout.data.dims[1] = out.layout.data.padded_dims[1] = columns;
  out.weights +=
      static_cast<size_t>(first / column_block_ * layout_.data.format_desc.blocking.strides[1]) * size_of(input_);
  return out;
}

int64_t CpuLinear::panel_columns(int64_t rows, int64_t threads) const {
  if (column_block_ == 0 || rows < kRowsPerTask || rows / threads >= kManyRowsPerTask) return 0;
  const int64_t blocks = outputs() / column_block_, tasks = std::min(threads, blocks);
  return tasks < 2 ? 0 : (blocks + tasks - 1) / tasks * column_block_;
}

void CpuLinear::run(const void* x, int64_t rows, void* y, CpuQueue queue) const {
  if (rows == 0) return;
  const int64_t columns = panel_columns(rows, queue.pool->threads_here());
  columns > 0 ? divide_columns(columns, x, rows, y, queue) : divide_rows(x, rows, y, queue);
}

void CpuLinear::divide_rows(const void* x, int64_t rows, void* y, CpuQueue queue) const {
  const int64_t threads = queue.pool->threads_here();
  const int64_t pieces = std::clamp<int64_t>(rows / kRowsPerTask, 1, threads);
  const int64_t piece = (rows + pieces - 1) / pieces;
  const int64_t tasks = (rows + piece - 1) / piece;
  const int64_t rest = rows - (tasks - 1) * piece;
  const Panel all = panel(0, outputs());
  const auto whole = plans_.get(shape(piece), layout_, name_);
  const auto last = rest == piece ? whole : plans_.get(shape(rest), layout_, name_);
  queue.scratch->reserve_workers(static_cast<int>(threads), std::max(whole->scratch_bytes(), last->scratch_bytes()));
  queue.pool->parallel_for_workers(tasks, [&](int worker, int64_t task) {
    const int64_t row = task * piece;
    multiply(task + 1 == tasks ? *last : *whole, all,
             static_cast<const char*>(x) + static_cast<size_t>(row * inputs()) * size_of(input_),
             static_cast<char*>(y) + static_cast<size_t>(row * outputs()) * size_of(output_),
             queue.scratch->worker(worker));
  });
}

// oneDNN writes to a matrix without gaps here: into a part of each row of y it takes a slower path, and sums in another
// order.
void CpuLinear::divide_columns(int64_t columns, const void* x, int64_t rows, void* y, CpuQueue queue) const {
  const int64_t tasks = (outputs() + columns - 1) / columns;
  const int64_t rest = outputs() - (tasks - 1) * columns;
  const auto plan_for = [&](int64_t count) {
    MatmulShape s = shape(rows);
    s.outputs = count;
    if (s.epilogue == Epilogue::kResidual) s.epilogue = Epilogue::kNone;  // `place` adds
    return plans_.get(s, panel(0, count).layout, name_);
  };
  const auto whole = plan_for(columns);
  const auto last = rest == columns ? whole : plan_for(rest);
  const size_t part_bytes = (static_cast<size_t>(rows * columns) * size_of(output_) + 63) / 64 * 64;
  queue.scratch->reserve_workers(queue.pool->threads_here(),
                                 part_bytes + std::max(whole->scratch_bytes(), last->scratch_bytes()));
  queue.pool->parallel_for_workers(tasks, [&](int worker, int64_t task) {
    const int64_t first = task * columns, count = task + 1 == tasks ? rest : columns;
    std::byte* const part = queue.scratch->worker(worker);
    multiply(task + 1 == tasks ? *last : *whole, panel(first, count), x, part, part + part_bytes);
    place(part, rows, first, count, y);
  });
}

void CpuLinear::place(const std::byte* part, int64_t rows, int64_t first, int64_t columns, void* y) const {
  const size_t element = size_of(output_);
  for (int64_t r = 0; r < rows; ++r) {
    const std::byte* from = part + static_cast<size_t>(r * columns) * element;
    std::byte* to = static_cast<std::byte*>(y) + static_cast<size_t>(r * outputs() + first) * element;
    if (epilogue_ != Epilogue::kResidual) {
      std::memcpy(to, from, static_cast<size_t>(columns) * element);
      continue;
    }
    const auto* z = reinterpret_cast<const float*>(from);
    auto* sum = reinterpret_cast<float*>(to);
    for (int64_t c = 0; c < columns; ++c) sum[c] += z[c];
  }
}

void CpuLinear::multiply(const MatmulPlan& plan, const Panel& panel, const void* x, void* y, std::byte* scratch) const {
  try {
    const OneThread scope;
    plan.run(x, panel.weights, panel.bias, y, scratch);
  } catch (const dnnl::error& e) {
    fail(ErrorCode::kInternal, "oneDNN failed in ", name_, ": ", e.what());
  }
}

}  // namespace sclip
