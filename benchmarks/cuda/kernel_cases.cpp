#include <iterator>
#include <utility>

#include "benchmarks/cuda/cases.h"

namespace sclip {
namespace {

std::vector<KernelCase> all_cases(CaseSize size, std::vector<KernelCase> products, std::vector<KernelCase> fp8) {
  std::vector<KernelCase> cases = tower_cases(size, DType::kF16);
  for (auto more : {read_out_cases(size, DType::kF16), std::move(products), std::move(fp8)}) {
    cases.insert(cases.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  return cases;
}

}  // namespace

std::vector<KernelCase> kernel_cases() {
  return all_cases(CaseSize::kSmall, gemm_cases(), fp8_cases());
}

std::vector<KernelCase> timed_kernel_cases() {
  return all_cases(CaseSize::kDevice, timed_gemm_cases(), timed_fp8_cases());
}

}  // namespace sclip
