#include "engine/image_embedder.h"

#include "kernels/patch_embed/patch_embed.h"
#include "kernels/resize_bicubic/resize_bicubic.h"

namespace sclip {

ImageEmbedder::ImageEmbedder(const Engine& engine, Stream& stream)
    : engine_(engine),
      stream_(stream),
      plan_(engine.vision().make_plan(1, engine.config().vision.grid(), engine.config().vision.grid())) {
  const Backend& backend = engine.backend();
  const auto side = static_cast<size_t>(engine.config().vision.image_size);
  arena_ = backend.allocate(plan_.bytes());
  plan_.use(arena_->data());
  planes_ = backend.allocate(3 * side * side * sizeof(float));
  const PatchOrigin corner{};
  corner_ = backend.allocate(sizeof(corner));
  stream.upload(corner_->data(), &corner, sizeof(corner));
  stream.synchronize();
}

std::vector<float> ImageEmbedder::embed(const ImageView& photo) {
  const ModelConfig& config = engine_.config();
  const int64_t side = config.vision.image_size;
  std::vector<float> out(static_cast<size_t>(config.embed_dim));
  auto* planes = static_cast<float*>(planes_->data());
  stream_.resize_bicubic({.src = upload_.send(engine_.backend(), stream_, photo),
                          .dst = planes,
                          .size = side,
                          .mean = config.preprocess.mean,
                          .std = config.preprocess.std});
  engine_.vision().embed(stream_, plan_,
                         {.image = planes,
                          .height = side,
                          .width = side,
                          .windows = static_cast<const PatchOrigin*>(corner_->data()),
                          .batch = 1,
                          .window_height = side,
                          .window_width = side},
                         features_.begin(engine_.backend(), out.data(), config.embed_dim));
  features_.download(stream_);
  stream_.synchronize();
  features_.finish();
  return out;
}

}  // namespace sclip
