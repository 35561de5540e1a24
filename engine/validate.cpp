#include "engine/validate.h"

#include <cmath>

#include "engine/dense_head/policy.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr int kMaxSide = 1 << 15;  // of the resized photo; its planes are addressed in 64 bits, its windows in 32

void check_share(const char* what, float value) {
  SCLIP_CHECK(value >= 0 && value <= 1, kInvalidArgument, "the ", what, " threshold is ", value,
              "; it must lie in 0…1");
}

void check_buffer(const char* what, size_t given, int64_t wanted, const PhotoRequest& photo) {
  SCLIP_CHECK(given == 0 || given == static_cast<size_t>(wanted), kInvalidArgument, "the memory for the ", what,
              " of a photo of ", photo.width(), "×", photo.height(), " pixels has ", given, " elements; it must have ",
              wanted);
}

}  // namespace

void validate(const SegmentOptions& o, const ModelConfig& model) {
  SCLIP_CHECK(o.short_side >= 1 && o.short_side <= kMaxSide && o.long_limit >= 1 && o.long_limit <= kMaxSide,
              kInvalidArgument, "short side ", o.short_side, " and long limit ", o.long_limit, " must lie in 1…",
              kMaxSide);
  SCLIP_CHECK(o.crop >= 0 && o.crop <= kMaxSide, kInvalidArgument, "the crop is ", o.crop,
              "; it must be 0 for the whole photo, or at most ", kMaxSide);
  SCLIP_CHECK(o.crop == 0 || o.crop >= model.vision.patch_size, kInvalidArgument, "the crop is ", o.crop,
              " pixels, and a patch of this model has ", model.vision.patch_size, "; use a larger crop");
  SCLIP_CHECK(o.crop == 0 || (o.stride >= 1 && o.stride <= o.crop), kInvalidArgument, "the stride is ", o.stride,
              "; it must lie in 1…", o.crop, ", the crop, so that windows leave no gaps");
  SCLIP_CHECK(o.window_batch >= 0 && o.window_batch <= 4096, kInvalidArgument, "the window batch is ", o.window_batch,
              "; it must be 0 for the backend's choice, or at most 4096");
  SCLIP_CHECK(o.logit_scale > 0 && o.logit_scale <= 1e6f, kInvalidArgument, "the logit scale is ", o.logit_scale,
              "; it must be above 0 and at most 1e6");
  // Written so that NaN fails. Further apart, scores leave what f32 exponentials tell apart.
  SCLIP_CHECK(o.temperature >= 1e-4f && o.temperature <= 1e4f, kInvalidArgument, "the temperature is ", o.temperature,
              "; it must lie in 0.0001…10000 (the policy hardmax is the limit of 0)");
  check_share("probability", o.prob_thd);
  if (o.area_thd) check_share("area", *o.area_thd);
  check(o.refine);
  find_policy(o.policy);
}

void validate(const PhotoRequest& request, int64_t queries) {
  if (request.rows == nullptr) {
    check_image(request.photo, "the photo");
  } else {
    const int width = request.width(), height = request.height();
    SCLIP_CHECK(request.photo.pixels == nullptr, kInvalidArgument, "a photo is given whole and by its rows: give one");
    SCLIP_CHECK(width >= 1 && width <= kMaxImageSide && height >= 1 && height <= kMaxImageSide, kInvalidArgument,
                "the photo has ", width, "×", height, " pixels; a side may have 1 … ", kMaxImageSide);
  }
  const int64_t pixels = int64_t{request.width()} * request.height();
  SCLIP_CHECK(pixels < int64_t{1} << 31, kInvalidArgument, "the photo has ", request.width(), "×", request.height(),
              " pixels; 2^31 or more cannot be labelled at once");
  validate_buffers(request, queries);
}

void validate_buffers(const PhotoRequest& request, int64_t queries) {
  const int64_t pixels = int64_t{request.width()} * request.height();
  check_buffer("labels", request.labels.size(), pixels, request);
  check_buffer("scores", request.scores.size(), pixels, request);
  check_buffer("logits", request.logits.size(), queries * pixels, request);
}

}  // namespace sclip
