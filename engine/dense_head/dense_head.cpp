#include "engine/dense_head/dense_head.h"

#include "sclip/error.h"

namespace sclip {

void DenseHead::score(BlockRunner& runner, const float* features, float* cosines) const {
  SCLIP_CHECK(words_.similarity != nullptr, kInternal, "a dense head made without words cannot score");
  runner.stream().linear(*words_.similarity, features, runner.batch() * runner.shape().patches(), cosines);
}

void DenseHead::read_photo(BlockRunner&, float*) const {
  fail(ErrorCode::kInternal, "a dense head keeps floats of the whole photo and does not write them");
}

void DenseHead::settle(std::span<const float>, int64_t, int64_t, std::span<uint16_t>, int64_t, int64_t) const {
  fail(ErrorCode::kInternal, "a dense head has a buffer to settle labels with and does not settle them");
}

}  // namespace sclip
