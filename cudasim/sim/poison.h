// Values read from shared memory that nothing was written to. Such a read is no fault by itself, because programs read
// ahead and discard what they read; it becomes one when the value decides a branch, an address, a global store or an
// atomic. Until then the registers that hold it are poisoned, and so is whatever is computed from them.
//
// A warp without poison pays nothing. Once it has some, run_poisoned executes it in place of its instruction set's run
// loop.
#pragma once
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "sim/warp.h"

namespace cudasim {

struct PoisonOrigin {  // the read
  const Instr* instr = nullptr;
  Function* fn = nullptr;
  uint32_t offset = 0;
};

struct Poison {
  struct Registers {
    std::vector<uint32_t> lanes;   // by slot / 4
    std::vector<uint32_t> origin;  // index into origins
  };
  std::unordered_map<const Frame*, Registers> frames;
  std::unordered_map<uint64_t, uint32_t> local;  // lane << 32 | word of local memory: index into origins
  std::vector<PoisonOrigin> origins;
  uint32_t carry = 0, carry_origin = 0;
  size_t poisoned = 0;  // slots with a lane set, over all frames
};

// A load of `in` met `missing` (a byte mask) unwritten bytes of shared word `word`; `offset` is where the lane's access
// begins. False when this kind of instruction uses the value at once, so that the caller reports it.
bool poison_read(Warp& w, const Instr& in, uint32_t lane, uint32_t offset, uint32_t word, uint32_t missing);
void forget_frame(Warp& w, const Frame* frame);
void copy_poison(Warp& w, uint32_t lanes, uint32_t to, uint32_t from, uint32_t bytes);  // of local memory

}  // namespace cudasim
