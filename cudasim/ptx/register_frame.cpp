#include "ptx/register_frame.h"

namespace cudasim {

uint32_t RegisterFrame::allocate(unsigned size) {
  if (size == 0) {
    if (pred_left_ == 0) {
      pred_chunk_ = f_->frame_bytes;
      f_->frame_bytes += 64;
      pred_left_ = 16;
    }
    return pred_chunk_ + 4 * (16 - pred_left_--);
  }
  const uint32_t slot = f_->frame_bytes = align_up(f_->frame_bytes, 64);
  f_->frame_bytes += size * 32;
  return slot;
}

uint32_t RegisterFrame::constant(unsigned size, uint64_t bits) {
  uint32_t& slot = constants_[{size, bits}];
  if (slot == 0) {
    slot = allocate(size);
    f_->constants.push_back({slot, uint8_t(size), bits});
  }
  return slot;
}

uint32_t RegisterFrame::special(Special kind, unsigned size, int64_t offset) {
  uint32_t& slot = specials_[{kind, size, offset}];
  if (slot == 0) {
    slot = allocate(size);
    f_->specials.push_back({kind, slot, uint8_t(size), offset});
  }
  return slot;
}

}  // namespace cudasim
