#include "backends/cpu/cpu_linear.h"

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "sclip/error.h"

namespace sclip {
namespace {

using dnnl::memory;

// A panel narrower than this multiplies below full speed.
constexpr int64_t kPanelColumns = 256;
// Rows that a thread should have at least: each row more shares the reading of the weights.
constexpr int64_t kRowsPerTask = 8;

// Threads that divide a window's 197 rows among them all read the whole matrix. With as many panels as rows are cut
// into, both operands are read √threads times.
int64_t choose_panels(int threads, int64_t outputs) {
  int64_t panels = 1;
  while (4 * panels * panels <= threads && outputs / (2 * panels) >= kPanelColumns && outputs % (32 * panels) == 0) {
    panels *= 2;
  }
  return panels;
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
  panels_.resize(static_cast<size_t>(choose_panels(pool.threads(), outputs())));
  const auto panels = static_cast<int64_t>(panels_.size());
  pool.parallel_for(panels, [&](int64_t i) {
    Panel& panel = panels_[static_cast<size_t>(i)];
    panel.count = outputs() / panels;
    panel.first = i * panel.count;
    try {
      const OneThread scope;
      panel.layout = plans_.packed_weights(shape_of(panel, 0));
      panel.bytes.resize_discard(panel.layout.get_size());
      memory packed(panel.layout, engine_, panel.bytes.data());
      const memory::dims strides = spec.transposed ? memory::dims{outputs(), 1} : memory::dims{1, inputs()};
      memory plain({{inputs(), panel.count}, memory::data_type::f32, strides}, engine_,
                   values.data() + panel.first * (spec.transposed ? 1 : inputs()));
      dnnl::stream stream(engine_);
      dnnl::reorder(plain, packed).execute(stream, plain, packed);
      stream.wait();
    } catch (const dnnl::error& e) {
      fail(ErrorCode::kUnsupported, "oneDNN cannot lay out ", name_, " (", outputs(), " × ", inputs(), "): ", e.what());
    }
  });
}

MatmulShape CpuLinear::shape_of(const Panel& panel, int64_t rows) const {
  return {.rows = rows,
          .inputs = inputs(),
          .outputs = panel.count,
          .stride = outputs(),
          .input = input_,
          .output = output_,
          .epilogue = epilogue_,
          .bias = bias_.size() > 0};
}

void CpuLinear::run(const void* x, int64_t rows, void* y, CpuQueue queue) const {
  if (rows == 0) return;
  const auto panels = static_cast<int64_t>(panels_.size());
  const int64_t threads = queue.pool->threads_here();
  const int64_t wanted = (threads + panels - 1) / panels;
  const int64_t pieces = std::clamp<int64_t>(rows / kRowsPerTask, 1, wanted);
  const int64_t piece = (rows + pieces - 1) / pieces;

  // Made before the loop: two row counts at most, and as many plans a panel.
  const int64_t rest = rows - (rows - 1) / piece * piece;
  const auto whole = plans_.get(shape_of(panels_[0], piece), panels_[0].layout, name_);
  const auto last = rest == piece ? whole : plans_.get(shape_of(panels_[0], rest), panels_[0].layout, name_);
  queue.scratch->reserve_workers(static_cast<int>(threads), std::max(whole->scratch_bytes, last->scratch_bytes));
  const int64_t tasks = (rows + piece - 1) / piece;
  queue.pool->parallel_for_workers(tasks * panels, [&](int worker, int64_t task) {
    const Panel& panel = panels_[static_cast<size_t>(task / tasks)];
    const int64_t row = task % tasks * piece;
    multiply(rows - row < piece ? *last : *whole, panel,
             static_cast<const char*>(x) + static_cast<size_t>(row * inputs()) * size_of(input_),
             static_cast<char*>(y) + static_cast<size_t>(row * outputs() + panel.first) * size_of(output_),
             queue.scratch->worker(worker));
  });
}

void CpuLinear::multiply(const MatmulPlan& plan, const Panel& panel, const void* x, void* y, std::byte* scratch) const {
  try {
    const OneThread scope;
    // oneDNN's handles are not const; only the destination and the scratchpad are written.
    std::unordered_map<int, memory> arguments{
        {DNNL_ARG_SRC, memory(plan.source, engine_, const_cast<void*>(x))},
        {DNNL_ARG_WEIGHTS, memory(panel.layout, engine_, const_cast<std::byte*>(panel.bytes.data()))},
        {DNNL_ARG_DST, memory(plan.destination, engine_, y)}};
    if (bias_.size() > 0) {
      const memory::desc bias({1, panel.count}, memory::data_type::f32, memory::format_tag::ab);
      arguments.emplace(DNNL_ARG_BIAS, memory(bias, engine_, const_cast<float*>(bias_.data() + panel.first)));
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
