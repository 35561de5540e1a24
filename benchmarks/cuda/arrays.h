// What the cases of the benchmarks compute with.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "backends/backend.h"
#include "tests/compare.h"

namespace sclip {

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
  void* normal_f16(int64_t count, float deviation = 1) {
    const auto values = normals(count, deviation);
    std::vector<Float16> halves(values.size());
    for (size_t i = 0; i < values.size(); ++i) halves[i] = to_float16(values[i]);
    return copy(halves);
  }
  template <typename T>
  T* room(int64_t count) {
    memory_.push_back(backend_.allocate(static_cast<size_t>(count) * sizeof(T)));
    return static_cast<T*>(memory_.back()->data());
  }

 private:
  // Repeats itself after a while: to draw hundreds of millions takes longer than to compute with them.
  std::vector<float> normals(int64_t count, float deviation) {
    constexpr size_t kDrawn = (1 << 21) - 9;
    auto values = testing::random_normal(std::min(static_cast<size_t>(count), kDrawn), ++seed_, 0, deviation);
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
