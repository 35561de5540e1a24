#include "backends/cuda/gemm_plan.h"

#include "backends/cuda/alignment.h"
#include "kernels/gelu/gelu.h"
#include "kernels/gemm_fused/gemm_hopper.h"
#include "kernels/gemm_fused/gemm_tile.h"

namespace sclip {
namespace {

constexpr int64_t kMostAlignment = 256;  // what cuBLASLt takes for granted unless told otherwise

bool has_activation(Epilogue epilogue) {
  return epilogue == Epilogue::kQuickGelu || epilogue == Epilogue::kGelu;
}

// cuBLASLt with its epilogues: bias and residual. GELU and QuickGELU are not among them and follow as a kernel.
class CublasLtPlan : public GemmPlan {
 public:
  CublasLtPlan(std::shared_ptr<const GemmLayer> layer, std::shared_ptr<const CublasLtProduct> product, int64_t rows,
               cublasLtHandle_t blas, const cublasLtMatmulAlgo_t& algorithm, int number)
      : layer_(std::move(layer)),
        product_(std::move(product)),
        rows_(rows),
        blas_(blas),
        algorithm_(algorithm),
        number_(number) {}

  void run(const GemmMemory& memory, const CudaQueue& queue) const override {
    product_->run(blas_, algorithm_, {layer_->weight, memory.x, memory.y, memory.workspace, kGemmWorkspace},
                  queue.stream);
    if (!has_activation(layer_->epilogue)) return;
    gelu_cuda({.x = memory.y,
               .y = memory.y,
               .bias = layer_->bias_f32,
               .dtype = layer_->output,
               .form = layer_->epilogue == Epilogue::kQuickGelu ? GeluForm::kQuick : GeluForm::kErf,
               .rows = rows_,
               .cols = layer_->outputs},
              queue);
  }
  std::string id() const override { return str("cublaslt ", number_); }
  std::string describe() const override {
    return str("cuBLASLt, candidate ", number_, has_activation(layer_->epilogue) ? ", then gelu" : "");
  }

 private:
  std::shared_ptr<const GemmLayer> layer_;
  std::shared_ptr<const CublasLtProduct> product_;
  int64_t rows_;
  cublasLtHandle_t blas_;
  cublasLtMatmulAlgo_t algorithm_;
  int number_;
};

GemmEpilogue fused(Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::kNone: return GemmEpilogue::kNone;
    case Epilogue::kQuickGelu: return GemmEpilogue::kQuickGelu;
    case Epilogue::kGelu: return GemmEpilogue::kGelu;
    case Epilogue::kResidual: return GemmEpilogue::kResidual;
  }
  return GemmEpilogue::kNone;
}

GemmFusedParams fused_params(const GemmLayer& layer, int64_t rows, const GemmMemory& memory) {
  return {.x = memory.x,
          .weight = layer.weight,
          .bias = layer.bias_f32,
          .y = memory.y,
          .dtype = layer.input,
          .output = layer.output,
          .epilogue = fused(layer.epilogue),
          .rows = rows,
          .inputs = layer.inputs,
          .outputs = layer.outputs,
          .weight_stride = layer.weight_stride};
}

// This project's kernel for Ampere and later, everything in its epilogue.
class FusedPlan : public GemmPlan {
 public:
  FusedPlan(std::shared_ptr<const GemmLayer> layer, int64_t rows, GemmTile tile)
      : layer_(std::move(layer)), rows_(rows), tile_(tile) {}

  void run(const GemmMemory& memory, const CudaQueue& queue) const override {
    gemm_fused_cuda(fused_params(*layer_, rows_, memory), tile_, queue);
  }
  std::string id() const override { return str("mma ", shape_of(tile_).rows, "×", shape_of(tile_).columns); }
  std::string describe() const override {
    return str("fused, mma, tiles of ", shape_of(tile_).rows, "×", shape_of(tile_).columns);
  }

 private:
  std::shared_ptr<const GemmLayer> layer_;
  int64_t rows_;
  GemmTile tile_;
};

// The same with Hopper's own instructions.
class HopperPlan : public GemmPlan {
 public:
  HopperPlan(std::shared_ptr<const GemmLayer> layer, int64_t rows, HopperTile tile)
      : layer_(std::move(layer)), rows_(rows), tile_(tile) {}

  void run(const GemmMemory& memory, const CudaQueue& queue) const override {
    gemm_hopper_cuda(fused_params(*layer_, rows_, memory), tile_, queue);
  }
  std::string id() const override { return str("wgmma ", to_string(tile_)); }
  std::string describe() const override { return str("fused, wgmma, tiles of ", to_string(tile_)); }

 private:
  std::shared_ptr<const GemmLayer> layer_;
  int64_t rows_;
  HopperTile tile_;
};

}  // namespace

std::vector<std::shared_ptr<const GemmPlan>> gemm_plans(std::shared_ptr<const GemmLayer> layer, int64_t rows,
                                                        const GemmMemory& memory, int algorithms, cublasLtHandle_t blas,
                                                        const CudaQueue& queue) {
  std::vector<std::shared_ptr<const GemmPlan>> out;
  const auto product = std::make_shared<const CublasLtProduct>(
      CublasLtProductSpec{.name = layer->name,
                          .rows = rows,
                          .inputs = layer->inputs,
                          .outputs = layer->outputs,
                          .weight_stride = layer->weight_stride,
                          .transposed = layer->transposed,
                          .bias = has_activation(layer->epilogue) ? nullptr : layer->bias,
                          .input = layer->input,
                          .output = layer->output,
                          .residual = layer->epilogue == Epilogue::kResidual,
                          .weight_scales = layer->weight_scales,
                          .x_scales = memory.x_scales});
  const auto found = product->algorithms(blas,
                                         {.x = static_cast<uint32_t>(alignment_of(memory.x, kMostAlignment)),
                                          .y = static_cast<uint32_t>(alignment_of(memory.y, kMostAlignment))},
                                         kGemmWorkspace, algorithms);
  for (size_t i = 0; i < found.size(); ++i) {
    out.push_back(std::make_shared<CublasLtPlan>(layer, product, rows, blas, found[i], static_cast<int>(i) + 1));
  }
  if (layer->transposed || layer->weight_scales != nullptr) return out;
  const GemmFusedParams params = fused_params(*layer, rows, memory);
  if (gemm_hopper_serves(params, queue)) {
    for (HopperTile tile : kHopperTiles) out.push_back(std::make_shared<HopperPlan>(layer, rows, tile));
  }
  if (gemm_fused_serves(params)) {
    for (GemmTile tile : kGemmTiles) {
      if (static_cast<size_t>(shape_of(tile).shared_bytes()) > queue.shared_memory_per_block) continue;
      out.push_back(std::make_shared<FusedPlan>(layer, rows, tile));
    }
  }
  return out;
}

}  // namespace sclip
