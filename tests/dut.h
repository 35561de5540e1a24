// The device under test: a backend's stream and memory, so that one kernel test serves every backend.
//
// SCLIP_TEST_DEVICE chooses it: cpu (the default) or cuda. Test cases about one backend only are tagged [cpu].
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"

namespace sclip::testing {

// `count` elements in the memory of the device under test.
template <typename T>
class DeviceArray {
 public:
  // The first element lies `offset` elements behind an address aligned to 64 bytes.
  DeviceArray(Backend& backend, Stream& stream, const std::vector<T>& values, size_t offset)
      : stream_(&stream),
        count_(values.size()),
        offset_(offset),
        memory_(backend.allocate((count_ + offset) * sizeof(T))) {
    stream.upload(data(), values.data(), count_ * sizeof(T));
    stream.synchronize();
  }
  T* data() { return static_cast<T*>(memory_->data()) + offset_; }
  size_t size() const { return count_; }
  std::vector<T> host() {
    std::vector<T> out(count_);
    stream_->download(out.data(), data(), count_ * sizeof(T));
    stream_->synchronize();
    return out;
  }

 private:
  Stream* stream_;
  size_t count_, offset_;
  std::unique_ptr<Memory> memory_;
};

inline std::string device_under_test() {
  const char* device = std::getenv("SCLIP_TEST_DEVICE");
  return device != nullptr ? device : "cpu";
}

class Dut {
 public:
  static Dut& get() {
    static Dut dut;
    return dut;
  }

  Backend& backend() { return *backend_; }
  Stream& stream() { return *stream_; }
  bool is_cpu() const { return backend_->name() == "cpu"; }
  // Element types of activations that the device computes in, f32 first.
  std::vector<DType> dtypes() const {
    if (is_cpu()) return {DType::kF32, DType::kBF16};
    return {DType::kF32, DType::kF16, DType::kBF16};
  }

  template <typename T>
  DeviceArray<T> copy(const std::vector<T>& values, size_t offset = 0) {
    return {*backend_, *stream_, values, offset};
  }
  // Room for an output: every byte is 0xff, which is NaN in every floating-point type.
  template <typename T>
  DeviceArray<T> output(size_t count, size_t offset = 0) {
    std::vector<T> values(count);
    // The data() of an empty vector may be null, which memset must not see.
    if (count > 0) std::memset(static_cast<void*>(values.data()), 0xff, count * sizeof(T));
    return {*backend_, *stream_, values, offset};
  }

 private:
  Dut() {
    backend_ = make_backend({.device = device_under_test()});
    stream_ = backend_->make_stream();
  }
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Stream> stream_;
};

// Values rounded to `dtype` and back, and the bytes of the rounded ones: for inputs that a kernel takes in halves.
struct Rounded {
  std::vector<float> values;
  std::vector<std::byte> bytes;
};
inline Rounded round_to(DType dtype, std::vector<float> values) {
  Rounded out{std::move(values), {}};
  out.bytes.resize(out.values.size() * size_of(dtype));
  for (size_t i = 0; i < out.values.size(); ++i) {
    if (dtype == DType::kF32) {
      std::memcpy(out.bytes.data() + 4 * i, &out.values[i], 4);
    } else if (dtype == DType::kF16) {
      const Float16 h = to_float16(out.values[i]);
      std::memcpy(out.bytes.data() + 2 * i, &h, 2);
      out.values[i] = to_float(h);
    } else {
      const BFloat16 h = to_bfloat16(out.values[i]);
      std::memcpy(out.bytes.data() + 2 * i, &h, 2);
      out.values[i] = to_float(h);
    }
  }
  return out;
}
// The other way: `count` elements of `dtype` as f32.
inline std::vector<float> widen(DType dtype, const std::vector<std::byte>& bytes) {
  std::vector<float> out(bytes.size() / size_of(dtype));
  convert_to_f32(dtype, bytes.data(), out.data(), out.size());
  return out;
}
// Relative rounding error of `dtype`: half a unit in the last place.
inline double epsilon_of(DType dtype) {
  return dtype == DType::kF32 ? 0x1p-24 : dtype == DType::kF16 ? 0x1p-11 : 0x1p-8;
}

}  // namespace sclip::testing
