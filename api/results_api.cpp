// Results that the library owns.
#include "api/objects.h"

using namespace sclip;
using namespace sclip::api;

sclip_status sclip_result_size(const sclip_result* result, int32_t* width, int32_t* height) {
  return guarded(__func__, [&] {
    const auto r = take<ResultObject>(result);
    if (width != nullptr) *width = r->width;
    if (height != nullptr) *height = r->height;
  });
}

sclip_status sclip_result_labels(const sclip_result* result, const uint16_t** labels) {
  return guarded(__func__,
                 [&] { needed(labels, "the place for the labels") = take<ResultObject>(result)->labels.data(); });
}

sclip_status sclip_result_scores(const sclip_result* result, const float** scores) {
  return guarded(__func__,
                 [&] { needed(scores, "the place for the scores") = take<ResultObject>(result)->scores.data(); });
}

sclip_status sclip_result_classes(const sclip_result* result, const sclip_class_statistics** classes, size_t* count) {
  return guarded(__func__, [&] {
    const auto r = take<ResultObject>(result);
    needed(classes, "the place for the classes") = r->classes.data();
    if (count != nullptr) *count = r->classes.size();
  });
}

sclip_status sclip_result_free(sclip_result* result) {
  return guarded(__func__, [&] { release<ResultObject>(result); });
}
