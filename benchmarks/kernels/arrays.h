// What the cases of the benchmarks compute with.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "backends/backend.h"
#include "core/dtype.h"

namespace sclip {

// The same in every run.
inline std::vector<float> random_normal(size_t count, uint32_t seed, float deviation = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(0, deviation);
  std::vector<float> out(count);
  for (float& x : out) x = distribution(generator);
  return out;
}

// Device memory that lives as long as the call that uses it.
class Arrays {
 public:
  Arrays(Backend& backend, Stream& stream) : backend_(backend), stream_(stream) {}

  template <typename T>
  T* copy(const std::vector<T>& values) {
    T* data = room<T>(static_cast<int64_t>(values.size()));
    stream_.upload(data, values.data(), values.size() * sizeof(T));
    stream_.synchronize();
    return data;
  }
  float* normal(int64_t count, float deviation = 1) { return copy(normals(count, deviation)); }
  // In f32, f16 or bf16.
  void* normal(DType dtype, int64_t count, float deviation = 1) {
    const auto values = normals(count, deviation);
    if (dtype == DType::kF32) return copy(values);
    std::vector<uint16_t> halves(values.size());
    for (size_t i = 0; i < halves.size(); ++i) {
      halves[i] = dtype == DType::kF16 ? to_float16(values[i]).bits : to_bfloat16(values[i]).bits;
    }
    return copy(halves);
  }
  void* room(DType dtype, int64_t count) { return room<std::byte>(count * static_cast<int64_t>(size_of(dtype))); }
  template <typename T>
  T* room(int64_t count) {
    memory_.push_back(backend_.allocate(static_cast<size_t>(count) * sizeof(T)));
    return static_cast<T*>(memory_.back()->data());
  }

 private:
  // Repeats itself after a while: to draw hundreds of millions takes longer than to compute with them.
  std::vector<float> normals(int64_t count, float deviation) {
    constexpr size_t kDrawn = (1 << 21) - 9;
    auto values = random_normal(std::min(static_cast<size_t>(count), kDrawn), ++seed_, deviation);
    values.reserve(static_cast<size_t>(count));
    for (size_t i = 0; values.size() < static_cast<size_t>(count); ++i) values.push_back(values[i]);
    return values;
  }

  Backend& backend_;
  Stream& stream_;
  uint32_t seed_ = 0;
  std::vector<std::unique_ptr<Memory>> memory_;
};

}  // namespace sclip
