// Runs small PTX kernels through the simulator's own interfaces, without a CUDA compiler or runtime.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace conformance {

// Device memory that lives as long as the test.
struct Buffer {
  explicit Buffer(size_t bytes);
  uint64_t address = 0;  // as kernels see it
  uint8_t* host = nullptr;
  size_t bytes = 0;
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(host);
  }
};

struct Run {
  int error = 0;        // a cudaError_t
  std::string refusal;  // why the kernel was not accepted; empty: it ran
  std::vector<std::string> findings;
  bool ok() const { return error == 0 && refusal.empty() && findings.empty(); }
  std::string text() const;
};

struct Shape {
  uint32_t blocks = 1, threads = 32;
};

// `body` is the inside of a kernel with 64-bit parameters p0, p1, ... ; `before` stands in front of the kernel.
Run run_kernel(const std::string& body, const std::vector<uint64_t>& params, Shape shape = {},
               const std::string& before = {});

// Declares registers, and %tid in %t, the global thread index in %g, and %pN with the value of parameter pN.
std::string prologue(size_t params);

// One small kernel with its expectation. Thread i has `ins` 64-bit words at %d1 and `outs` at %d2 (%p0 and %p1 are the
// bases); afterwards word k of its output must be want(i, k). Covers the spelling when all agree.
using Word = std::function<uint64_t(unsigned thread, unsigned word)>;
void check(const std::string& spelling, const std::string& body, unsigned ins, const Word& in, unsigned outs,
           const Word& want, Shape shape = {}, const std::string& before = {});

// Prints a failure and counts it.
void fail(const std::string& what);
size_t failures();
std::string hex(uint64_t v);

// Random bits that are the same in every run.
struct Random {
  uint64_t state = 0x9E3779B97F4A7C15;
  uint64_t next() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545F4914F6CDD1D;
  }
};

}  // namespace conformance
