#include "backends/cpu/cpu_linear.h"

#include <cstring>

#include "core/buffer.h"
#include "core/parallel.h"

namespace sclip {
namespace {

using dnnl::memory;

memory::data_type data_type(DType dtype) {
  return dtype == DType::kBF16 ? memory::data_type::bf16 : memory::data_type::f32;
}

// The row count whose layout the weights are packed for; oneDNN's blocking hardly depends on it.
constexpr int64_t kTypicalRows = 1024;

AlignedBuffer<float> to_f32(const TensorView& tensor) {
  const auto count = static_cast<size_t>(tensor.shape.count());
  AlignedBuffer<float> out(count);
  constexpr size_t kChunk = 1 << 16;
  parallel_for(static_cast<int64_t>((count + kChunk - 1) / kChunk), [&](int64_t chunk) {
    const size_t first = static_cast<size_t>(chunk) * kChunk;
    const auto* src = static_cast<const char*>(tensor.data) + first * size_of(tensor.dtype);
    convert_to_f32(tensor.dtype, src, out.data() + first, std::min(kChunk, count - first));
  });
  return out;
}

}  // namespace

CpuLinear::CpuLinear(const LinearSpec& spec, const dnnl::engine& engine)
    : Linear(spec.weight.shape[spec.transposed ? 0 : 1], spec.weight.shape[spec.transposed ? 1 : 0]),
      name_(spec.name),
      epilogue_(spec.epilogue),
      input_(spec.input),
      output_(spec.output),
      engine_(engine) {
  try {
    AlignedBuffer<float> values = to_f32(spec.weight);
    const auto tag = spec.transposed ? memory::format_tag::ab : memory::format_tag::ba;
    memory plain({{inputs(), outputs()}, memory::data_type::f32, tag}, engine_, values.data());
    if (spec.bias.data != nullptr) {
      bias_ = memory({{1, outputs()}, memory::data_type::f32, memory::format_tag::ab}, engine_);
      convert_to_f32(spec.bias.dtype, spec.bias.data, static_cast<float*>(bias_.get_data_handle()),
                     static_cast<size_t>(outputs()));
    }
    const memory::desc any({inputs(), outputs()}, data_type(input_), memory::format_tag::any);
    const memory::desc packed = describe(kTypicalRows, any).weights_desc();
    weight_bytes_.resize_discard(packed.get_size());
    weights_ = memory(packed, engine_, weight_bytes_.data());
    dnnl::stream stream(engine_);
    dnnl::reorder(plain, weights_).execute(stream, plain, weights_);
    stream.wait();
  } catch (const dnnl::error& e) {
    fail(ErrorCode::kUnsupported, "oneDNN cannot lay out ", name_, " (", outputs(), " × ", inputs(), "): ", e.what());
  }
}

dnnl::matmul::primitive_desc CpuLinear::describe(int64_t rows, const memory::desc& weights) const {
  const memory::desc source({rows, inputs()}, data_type(input_), memory::format_tag::ab);
  const memory::desc destination({rows, outputs()}, data_type(output_), memory::format_tag::ab);
  dnnl::post_ops post;
  switch (epilogue_) {
    case Epilogue::kNone: break;
    case Epilogue::kQuickGelu: post.append_eltwise(1.0f, dnnl::algorithm::eltwise_swish, 1.702f, 0.0f); break;
    case Epilogue::kGelu: post.append_eltwise(1.0f, dnnl::algorithm::eltwise_gelu_erf, 0.0f, 0.0f); break;
    case Epilogue::kResidual: post.append_sum(1.0f); break;
  }
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(post);
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (bias_) return {dnnl::matmul::desc(source, weights, bias_.get_desc(), destination), attributes, engine_};
  return {dnnl::matmul::desc(source, weights, destination), attributes, engine_};
}

const CpuLinear::Plan& CpuLinear::plan(int64_t rows) const {
  const std::lock_guard lock(mutex_);
  const std::pair key{rows, threads_here()};
  auto& slot = plans_[key];
  if (slot == nullptr) {
    try {
      const auto description = describe(rows, weights_.get_desc());
      slot = std::make_unique<const Plan>(Plan{dnnl::matmul(description), description.src_desc(),
                                               description.dst_desc(), description.scratchpad_desc().get_size()});
    } catch (const dnnl::error& e) {
      plans_.erase(key);
      fail(ErrorCode::kUnsupported, "oneDNN cannot multiply ", rows, " rows with ", name_, " (", outputs(), " × ",
           inputs(), "): ", e.what());
    }
  }
  return *slot;
}

void CpuLinear::run(const Plan& plan, dnnl::stream& stream, const void* x, void* y, void* scratch) const {
  // oneDNN's handles are not const; the source is only read.
  memory source(plan.source, engine_, const_cast<void*>(x));
  memory destination(plan.destination, engine_, y);
  std::unordered_map<int, memory> arguments{
      {DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, weights_}, {DNNL_ARG_DST, destination}};
  if (bias_) arguments.emplace(DNNL_ARG_BIAS, bias_);
  if (plan.scratch_bytes > 0) {
    const memory::desc bytes({static_cast<memory::dim>(plan.scratch_bytes)}, memory::data_type::u8,
                             memory::format_tag::a);
    arguments.emplace(DNNL_ARG_SCRATCHPAD, memory(bytes, engine_, scratch));
  }
  try {
    plan.primitive.execute(stream, arguments);
    stream.wait();
  } catch (const dnnl::error& e) {
    fail(ErrorCode::kInternal, "oneDNN failed in ", name_, " (", plan.source.dims()[0], " rows): ", e.what());
  }
}

}  // namespace sclip
