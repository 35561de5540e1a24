// Places in the register frame of a function: of registers, of constants and of special registers.
#pragma once
#include <map>
#include <tuple>
#include <utility>

#include "ptx/module.h"

namespace cudasim {

inline uint32_t align_up(uint32_t v, uint32_t a) {
  return (v + a - 1) / a * a;
}

// A slot has room for 32 lanes of `size` bytes; size 0 is a predicate, one mask of lanes. Equal constants share a slot,
// and so do equal special registers.
class RegisterFrame {
 public:
  explicit RegisterFrame(Function* f) : f_(f) {}

  uint32_t allocate(unsigned size);
  uint32_t constant(unsigned size, uint64_t bits);
  uint32_t special(Special kind, unsigned size, int64_t offset = 0);

 private:
  Function* f_;
  uint32_t pred_chunk_ = 0, pred_left_ = 0;
  std::map<std::pair<unsigned, uint64_t>, uint32_t> constants_;
  std::map<std::tuple<Special, unsigned, int64_t>, uint32_t> specials_;
};

}  // namespace cudasim
