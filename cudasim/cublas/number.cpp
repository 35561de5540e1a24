#include "cublas/number.h"

#include <vector>

namespace cudasim_blas {

const char* type_name(cudaDataType type) {
  switch (type) {
    case CUDA_R_32F: return "f32";
    case CUDA_R_16F: return "f16";
    case CUDA_R_16BF: return "bf16";
    case CUDA_R_64F: return "f64";
    case CUDA_R_8I: return "i8";
    case CUDA_R_32I: return "i32";
    default: return "another type";
  }
}

const float* half_table() {
  static const float* table = [] {
    auto* t = new std::vector<float>(65536);
    for (uint32_t u = 0; u < 65536; ++u) {
      const uint16_t bits = uint16_t(u);
      _Float16 h;
      std::memcpy(&h, &bits, 2);
      (*t)[u] = float(h);
    }
    return t->data();
  }();
  return table;
}

}  // namespace cudasim_blas
