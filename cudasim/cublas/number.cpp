#include "cublas/number.h"

#include <cmath>
#include <vector>

namespace cudasim_blas {

const char* type_name(cudaDataType type) {
  switch (type) {
    case CUDA_R_32F: return "f32";
    case CUDA_R_16F: return "f16";
    case CUDA_R_16BF: return "bf16";
    case CUDA_R_64F: return "f64";
    case CUDA_R_8F_E4M3: return "e4m3";
    case CUDA_R_8F_E5M2: return "e5m2";
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

// Sign, 4 bits of exponent (bias 7), 3 of mantissa; no infinities, NaN where all of them are set.
const float* e4m3_table() {
  static const float* table = [] {
    auto* t = new std::vector<float>(256);
    for (int u = 0; u < 256; ++u) {
      const int exponent = u >> 3 & 15, mantissa = u & 7;
      float f = exponent ? std::ldexp(float(8 + mantissa), exponent - 10) : std::ldexp(float(mantissa), -9);
      if ((u & 127) == 127) f = NAN;
      (*t)[size_t(u)] = u & 128 ? -f : f;
    }
    return t->data();
  }();
  return table;
}

}  // namespace cudasim_blas
