#include "backends/cpu/matmul_plans.h"

#include <omp.h>

#include <array>
#include <utility>

#include "sclip/error.h"

namespace sclip {
namespace {

using dnnl::memory;

memory::data_type data_type(DType dtype) {
  return dtype == DType::kBF16 ? memory::data_type::bf16 : memory::data_type::f32;
}

}  // namespace

OneThread::OneThread() : before_(omp_get_max_threads()) {
  if (before_ != 1) omp_set_num_threads(1);
}
OneThread::~OneThread() {
  if (before_ != 1) omp_set_num_threads(before_);
}

// What one thread runs the product with: the primitive's arguments, whose addresses change from call to call.
class MatmulPlan::Call {
 public:
  explicit Call(const MatmulPlan& plan) : stream_(plan.engine_) {
    add(DNNL_ARG_SRC, plan.source_, plan.engine_);
    add(DNNL_ARG_WEIGHTS, plan.weights_, plan.engine_);
    add(DNNL_ARG_DST, plan.destination_, plan.engine_);
    if (plan.bias_) {
      add(DNNL_ARG_BIAS, {{1, plan.destination_.dims()[1]}, memory::data_type::f32, memory::format_tag::ab},
          plan.engine_);
    }
    if (plan.scratch_bytes_ > 0) {
      add(DNNL_ARG_SCRATCHPAD,
          {{static_cast<memory::dim>(plan.scratch_bytes_)}, memory::data_type::u8, memory::format_tag::a},
          plan.engine_);
    }
  }

  // oneDNN's handles are not const; only the destination and the scratchpad are written.
  void set(int argument, const void* data) {
    for (int i = 0; i < count_; ++i) {
      const auto at = static_cast<size_t>(i);
      if (arguments_[at].arg == argument && data_[at] != data) {
        memories_[at].set_data_handle(const_cast<void*>(data));
        data_[at] = data;
      }
    }
  }
  // Not dnnl::primitive::execute, which makes two lists of the arguments.
  void execute(const dnnl::matmul& primitive) {
    dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive.get(), stream_.get(), count_, arguments_.data()),
                            "could not execute a primitive");
    stream_.wait();
  }

 private:
  static constexpr size_t kMost = 5;
  void add(int argument, const memory::desc& desc, const dnnl::engine& engine) {
    const auto at = static_cast<size_t>(count_++);
    memories_[at] = memory(desc, engine, DNNL_MEMORY_NONE);
    arguments_[at] = {argument, memories_[at].get()};
  }

  dnnl::stream stream_;
  std::array<memory, kMost> memories_;
  std::array<dnnl_exec_arg_t, kMost> arguments_{};
  std::array<const void*, kMost> data_{};
  int count_ = 0;
};

MatmulPlan::MatmulPlan(const dnnl::matmul::primitive_desc& description, const dnnl::engine& engine, bool bias,
                       int threads)
    : engine_(engine),
      primitive_(description),
      source_(description.src_desc()),
      weights_(description.weights_desc()),
      destination_(description.dst_desc()),
      bias_(bias),
      scratch_bytes_(description.scratchpad_desc().get_size()) {
  for (int i = 0; i < threads; ++i) idle_.push_back(std::make_unique<Call>(*this));
}
MatmulPlan::~MatmulPlan() = default;

void MatmulPlan::run(const void* x, const std::byte* weights, const float* bias, void* y, std::byte* scratch) const {
  std::unique_ptr<Call> call = take();
  call->set(DNNL_ARG_SRC, x);
  call->set(DNNL_ARG_WEIGHTS, weights);
  call->set(DNNL_ARG_DST, y);
  call->set(DNNL_ARG_BIAS, bias);
  call->set(DNNL_ARG_SCRATCHPAD, scratch);
  call->execute(primitive_);
  give_back(std::move(call));
}

std::unique_ptr<MatmulPlan::Call> MatmulPlan::take() const {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Call> call = std::move(idle_.back());
      idle_.pop_back();
      return call;
    }
  }
  return std::make_unique<Call>(*this);
}

void MatmulPlan::give_back(std::unique_ptr<Call> call) const {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(call));
}

dnnl::matmul::primitive_desc MatmulPlans::describe(const MatmulShape& s, const memory::desc& weights) const {
  const memory::desc source({s.rows, s.inputs}, data_type(s.input), memory::format_tag::ab);
  const memory::desc destination({s.rows, s.outputs}, data_type(s.output), memory::format_tag::ab);
  dnnl::post_ops post;
  switch (s.epilogue) {
    case Epilogue::kNone: break;
    case Epilogue::kQuickGelu: post.append_eltwise(1.0f, dnnl::algorithm::eltwise_swish, 1.702f, 0.0f); break;
    case Epilogue::kGelu: post.append_eltwise(1.0f, dnnl::algorithm::eltwise_gelu_erf, 0.0f, 0.0f); break;
    case Epilogue::kResidual: post.append_sum(1.0f); break;
  }
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(post);
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (!s.bias) return {dnnl::matmul::desc(source, weights, destination), attributes, engine_};
  const memory::desc bias({1, s.outputs}, memory::data_type::f32, memory::format_tag::ab);
  return {dnnl::matmul::desc(source, weights, bias, destination), attributes, engine_};
}

memory::desc MatmulPlans::packed_weights(const MatmulShape& shape) const {
  const OneThread scope;
  MatmulShape typical = shape;
  typical.rows = 1024;  // oneDNN's blocking hardly depends on it
  const memory::desc any({shape.inputs, shape.outputs}, data_type(shape.input), memory::format_tag::any);
  return describe(typical, any).weights_desc();
}

std::shared_ptr<const MatmulPlan> MatmulPlans::get(const MatmulShape& shape, const memory::desc& weights,
                                                   const std::string& name) {
  return latest_.get(shape, [&] {
    try {
      const OneThread scope;
      return std::make_shared<const MatmulPlan>(describe(shape, weights), engine_, shape.bias, threads_);
    } catch (const dnnl::error& e) {
      fail(ErrorCode::kUnsupported, "oneDNN cannot multiply ", shape.rows, " rows with ", name, " (", shape.outputs,
           " × ", shape.inputs, "): ", e.what());
    }
  });
}

}  // namespace sclip
