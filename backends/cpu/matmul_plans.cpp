#include "backends/cpu/matmul_plans.h"

#include <omp.h>

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
      const auto description = describe(shape, weights);
      return std::make_shared<const MatmulPlan>(MatmulPlan{dnnl::matmul(description), description.src_desc(),
                                                           description.dst_desc(),
                                                           description.scratchpad_desc().get_size()});
    } catch (const dnnl::error& e) {
      fail(ErrorCode::kUnsupported, "oneDNN cannot multiply ", shape.rows, " rows with ", name, " (", shape.outputs,
           " × ", shape.inputs, "): ", e.what());
    }
  });
}

}  // namespace sclip
