#include "backends/cuda/cuda_linear.h"

#include <algorithm>

#include "backends/cuda/alignment.h"
#include "backends/cuda/cuda_event.h"
#include "kernels/quantize_fp8/quantize_fp8.h"

namespace sclip {
namespace {

constexpr int kAlgorithms = 8;           // of cuBLASLt's, that tuning measures
constexpr int64_t kMostAlignment = 256;  // what cuBLASLt takes for granted unless told otherwise

// Microseconds a run. `memory.y` is overwritten.
float time_plan(const GemmPlan& plan, const GemmMemory& memory, const CudaQueue& queue) {
  constexpr int kRepeats = 5;
  CudaEvent start, stop;
  plan.run(memory, queue);  // the first run loads code
  start.record(queue.stream);
  for (int repeat = 0; repeat < kRepeats; ++repeat) plan.run(memory, queue);
  stop.record(queue.stream);
  return stop.since(start) * 1000 / kRepeats;
}

size_t scales_bytes(int64_t rows) {
  return (static_cast<size_t>(rows) * sizeof(float) + kMostAlignment - 1) / kMostAlignment * kMostAlignment;
}

void check_fp8_layer(const LinearSpec& spec, int64_t inputs, int64_t outputs) {
  SCLIP_CHECK(!spec.transposed && spec.input == DType::kBF16, kInternal, spec.name,
              " cannot be multiplied in E4M3: it is ", spec.transposed ? "transposed" : "not given bf16");
  SCLIP_CHECK(inputs % 16 == 0 && outputs % 16 == 0, kUnsupported, spec.name, " has ", inputs, " inputs and ", outputs,
              " outputs, and fp8 needs multiples of 16; use precision bf16");
}

}  // namespace

CudaLinear::CudaLinear(const LinearSpec& spec, std::shared_ptr<CudaGemm> gemm)
    : Linear(spec.weight.shape[spec.transposed ? 0 : 1], spec.weight.shape[spec.transposed ? 1 : 0]),
      gemm_(std::move(gemm)) {
  const int64_t stride = spec.transposed ? outputs() : (inputs() + 7) / 8 * 8;
  if (spec.fp8) {
    check_fp8_layer(spec, inputs(), outputs());
    auto quantized = gemm_->upload().fp8_rows(spec.weight);
    weight_ = std::move(quantized.codes);
    weight_scales_ = std::move(quantized.scales);
  } else {
    weight_ = gemm_->upload().rows(spec.weight, spec.input, stride);
  }
  if (spec.bias.data != nullptr) {
    bias_ = gemm_->upload().tensor(spec.bias, spec.fp8 ? DType::kBF16 : spec.output);
    bias_f32_ = gemm_->upload().tensor(spec.bias, DType::kF32);
  }
  const auto data = [](const std::unique_ptr<Memory>& memory) { return memory != nullptr ? memory->data() : nullptr; };
  layer_ = std::make_shared<const GemmLayer>(GemmLayer{.name = spec.name,
                                                       .weight = weight_->data(),
                                                       .weight_stride = stride,
                                                       .transposed = spec.transposed,
                                                       .bias = data(bias_),
                                                       .bias_f32 = static_cast<const float*>(data(bias_f32_)),
                                                       .weight_scales = static_cast<const float*>(data(weight_scales_)),
                                                       .epilogue = spec.epilogue,
                                                       .input = spec.input,
                                                       .output = spec.output,
                                                       .inputs = inputs(),
                                                       .outputs = outputs()});
  // The text tower is f32 always, and cuDNN is not asked for it.
  if (gemm_->cudnn() != nullptr && spec.input != DType::kF32) {
    SCLIP_CHECK(spec.epilogue != Epilogue::kGelu, kUnsupported, spec.name,
                " ends in GELU of the erf form, and --cudnn-mlp is for QuickGELU: leave it out for this model");
    if (spec.epilogue == Epilogue::kQuickGelu) {
      mlp_ = gemm_->cudnn()->make_mlp({.name = spec.name,
                                       .weight = weight_->data(),
                                       .weight_stride = stride,
                                       .transposed = spec.transposed,
                                       .bias = layer_->bias_f32,
                                       .input = spec.input,
                                       .output = spec.output,
                                       .inputs = inputs(),
                                       .outputs = outputs()});
    }
  }
  gemm_->add(this);
}

CudaLinear::~CudaLinear() {
  gemm_->remove(this);
  const DeviceScope scope(gemm_->device(), std::nothrow);
  mlp_.reset();  // on its device
}

void CudaLinear::drop_plans() const {
  const DeviceScope scope(gemm_->device());
  plans_.clear();
  if (mlp_ != nullptr) mlp_->drop_plans();
}

std::shared_ptr<const GemmPlan> CudaLinear::make_plan(const PlanKey& key, const GemmMemory& memory,
                                                      const CudaQueue& queue) const {
  TunedChoices* const tuned = gemm_->tuned();
  const int64_t rows = key.rows;
  const auto plans = gemm_plans(layer_, rows, memory, tuned != nullptr ? kAlgorithms : 1, gemm_->blas(), queue);
  if (tuned == nullptr || plans.size() == 1) return plans.front();

  // Layers of the same shape, such as those of all blocks, share a choice.
  const std::string shape = str(rows, " rows, ", inputs(), " → ", outputs(), fp8() ? ", E4M3" : "");
  const std::string name =
      str(shape, ", ", to_string(layer_->input), " → ", to_string(layer_->output), ", epilogue ",
          static_cast<int>(layer_->epilogue), layer_->bias != nullptr ? " with bias" : "",
          layer_->transposed ? ", transposed" : "", ", aligned to ", key.x_alignment, " and ", key.y_alignment);
  if (const auto chosen = tuned->find(name)) {
    const auto found =
        std::find_if(plans.begin(), plans.end(), [&](const auto& plan) { return plan->id() == *chosen; });
    if (found != plans.end()) return *found;
  }
  // A product with a residual adds to y, so it is measured on memory of its own.
  std::unique_ptr<CudaMemory> scratch;
  GemmMemory measured = memory;
  if (layer_->epilogue == Epilogue::kResidual) {
    const auto bytes = static_cast<size_t>(rows * outputs()) * size_of(layer_->output);
    scratch = std::make_unique<CudaMemory>(gemm_->device(), bytes);
    check_cuda(cudaMemsetAsync(scratch->data(), 0, bytes, queue.stream), "clear memory to measure ", layer_->name);
    measured.y = scratch->data();
  }
  std::vector<TunedChoices::Measured> times;
  for (const auto& plan : plans) times.push_back({plan->id(), plan->describe(), time_plan(*plan, measured, queue)});
  return plans[tuned->choose(name, str(layer_->name, ", ", shape), times)];
}

// The scales lie before the codes, so that their address is that of the scratch memory.
size_t CudaLinear::scratch_bytes(int64_t rows) const {
  return fp8() ? scales_bytes(rows) + static_cast<size_t>(rows * inputs()) : 0;
}

std::shared_ptr<const void> CudaLinear::run(const void* x, int64_t rows, void* y, void* workspace, void* scratch,
                                            const CudaQueue& queue) const {
  if (rows == 0) return nullptr;
  if (mlp_ != nullptr) return mlp_->run(x, rows, y, workspace, kGemmWorkspace, queue.stream);
  float* x_scales = nullptr;
  if (fp8()) {
    x_scales = static_cast<float*>(scratch);
    void* const codes = static_cast<std::byte*>(scratch) + scales_bytes(rows);
    quantize_fp8_cuda({.x = x, .codes = codes, .scales = x_scales, .rows = rows, .cols = inputs()}, queue);
    x = codes;
  }
  const PlanKey key{rows, static_cast<uint32_t>(alignment_of(x, kMostAlignment)),
                    static_cast<uint32_t>(alignment_of(y, kMostAlignment)), x_scales};
  const GemmMemory memory{x, y, workspace, x_scales};
  auto plan = plans_.get(key, [&] { return make_plan(key, memory, queue); });
  plan->run(memory, queue);
  return plan;
}

}  // namespace sclip
