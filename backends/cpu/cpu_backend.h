// The CPU backend: oneDNN for matrix products, Highway kernels for the rest, on the backend's own threads.
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"

namespace sclip {

// Throws kUnsupported when `precision` is bf16 and the processor has no bf16 instructions.
std::unique_ptr<Backend> make_cpu_backend(Precision precision, int threads);

bool cpu_has_bf16();
std::string describe_cpu();  // "AMD EPYC, AVX-512 with bf16"

}  // namespace sclip
