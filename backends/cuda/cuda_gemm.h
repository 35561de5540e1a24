// What the matrix products of one device share: cuBLASLt, cuDNN if it is asked for, and the list of layers whose plans
// can be dropped.
#pragma once

#include <memory>
#include <mutex>
#include <set>

#include "backends/cuda/cublaslt_api.h"
#include "backends/cuda/cuda_upload.h"
#include "backends/cuda/cudnn_mlp.h"
#include "backends/tuned_choices.h"

namespace sclip {

class CudaLinear;

class CudaGemm {
 public:
  struct Options {
    std::shared_ptr<TunedChoices> tuned{};  // null: nothing is measured
    bool cudnn_mlp = false;                 // cuDNN computes layers in f16 and bf16 that end in QuickGELU
  };
  CudaGemm(int device, Options options);
  ~CudaGemm();
  CudaGemm(const CudaGemm&) = delete;
  CudaGemm& operator=(const CudaGemm&) = delete;

  int device() const { return device_; }
  TunedChoices* tuned() const { return tuned_.get(); }
  cublasLtHandle_t blas() const { return blas_; }
  const Cudnn* cudnn() const { return cudnn_.get(); }  // or null
  const CudaUpload& upload() const { return upload_; }

  // Layers while they live. Any thread.
  void add(const CudaLinear* layer);
  void remove(const CudaLinear* layer);
  void drop_plans() const;

 private:
  int device_;
  std::shared_ptr<TunedChoices> tuned_;
  CudaUpload upload_;
  std::unique_ptr<Cudnn> cudnn_;
  cublasLtHandle_t blas_ = nullptr;
  mutable std::mutex mutex_;
  std::set<const CudaLinear*> layers_;
};

}  // namespace sclip
