#include <algorithm>
#include <cmath>
#include <limits>

#include "sclip/error.h"
#include "sclip/session.h"

namespace sclip {

std::vector<float> classify(Session& session, const ImageView& photo, const TextBank& bank,
                            std::optional<float> logit_scale) {
  const double scale = double{logit_scale.value_or(session.engine().config().logit_scale)};
  SCLIP_CHECK(scale >= 0 && scale <= 1e6, kInvalidArgument, "the logit scale is ", scale, "; it must lie in 0…1e6");
  check_bank(session.engine(), bank);
  const std::vector<float> image = session.embed_image(photo);
  const auto dim = static_cast<size_t>(bank.embed_dim());
  std::vector<double> logits(static_cast<size_t>(bank.queries()));
  double largest = -std::numeric_limits<double>::infinity();
  for (size_t k = 0; k < logits.size(); ++k) {
    double cosine = 0;
    for (size_t c = 0; c < dim; ++c) {
      cosine += static_cast<double>(image[c]) * static_cast<double>(bank.embeddings()[k * dim + c]);
    }
    largest = std::max(largest, logits[k] = scale * cosine);
  }
  double sum = 0;
  for (double& x : logits) sum += x = std::exp(x - largest);
  std::vector<float> out(bank.classes().size(), 0.0f);
  for (size_t k = 0; k < logits.size(); ++k) {
    float& best = out[static_cast<size_t>(bank.classes().query_class()[k])];
    best = std::max(best, static_cast<float>(logits[k] / sum));
  }
  return out;
}

}  // namespace sclip
