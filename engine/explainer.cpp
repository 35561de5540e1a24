#include "engine/explainer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/resize_normalize/resize_normalize.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr size_t kPlaneBytes = size_t{64} << 20;  // of planes at once, unless one alone has more
constexpr std::string_view kShown = "shown attention";

// Instead of a policy's head: runs the tower up to a block, and keeps that block's attention.
class AttentionProbe : public DenseHead {
 public:
  // Without a head the block is CLIP's own, counted from 0; with one it is the last as the head has it.
  AttentionProbe(const DenseHead* head, int block, std::string_view policy)
      : DenseHead({}), head_(head), block_(block), policy_(policy) {}

  PlanNeeds needs(const WindowShape& shape) const override {
    PlanNeeds out = head_ != nullptr ? head_->needs(shape) : PlanNeeds();
    out.buffers.push_back({std::string(kShown), shape.heads * shape.tokens * shape.tokens * 4});
    return out;
  }
  int64_t photo_floats() const override { return head_ != nullptr ? head_->photo_floats() : 0; }
  void read_photo(BlockRunner& runner, float* kept) const override { head_->read_photo(runner, kept); }

  void encode(BlockRunner& runner, float* /*features*/) const override {
    float* weights = runner.buffer(kShown);
    if (head_ == nullptr) {
      runner.run_blocks(0, block_);
      runner.project_qkv(block_, runner.tokens());
      AttentionParams attention = runner.attention();
      attention.out = nullptr;
      attention.probabilities = weights;
      runner.stream().attention(attention);
      return;
    }
    switch (head_->show_attention(runner, weights)) {
      case ShownAttention::kWritten: return;
      case ShownAttention::kIdentity: write_identity(runner, weights); return;
      case ShownAttention::kNone:
        fail(ErrorCode::kUnsupported, "policy ", policy_,
             " has no single attention map of its last block: ask for the map of features, or for an earlier block");
    }
  }

 private:
  static void write_identity(BlockRunner& runner, float* weights) {
    const auto n = static_cast<size_t>(runner.shape().tokens);
    std::vector<float> identity(n * n, 0.0f);
    for (size_t i = 0; i < n; ++i) identity[i * n + i] = 1.0f;
    for (int64_t i = 0; i < runner.batch() * runner.shape().heads; ++i) {
      runner.stream().upload(weights + i * static_cast<int64_t>(n * n), identity.data(), n * n * sizeof(float));
    }
    runner.stream().synchronize();
  }

  const DenseHead* head_;
  int block_;
  std::string_view policy_;
};

// Of the windows that hold a place on an axis, the one whose middle is nearest; the first of two.
size_t nearest_window(const std::vector<int32_t>& starts, int size, double place) {
  size_t best = 0;
  double nearest = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < starts.size(); ++i) {
    const double from = place - starts[i], distance = std::abs(from - size / 2.0);
    if (from < 0 || from >= size || distance >= nearest) continue;
    best = i;
    nearest = distance;
  }
  return best;
}

struct Located {
  PatchMap map;
  size_t window = 0;  // of the photo's
};

Located locate(PhotoPoint point, const PhotoPlan& photo, int patch) {
  SCLIP_CHECK(point.x >= 0 && point.x < photo.key.width && point.y >= 0 && point.y < photo.key.height, kInvalidArgument,
              "the point ", point.x, ",", point.y, " lies outside the photo: x goes from 0 to ", photo.key.width - 1,
              ", y from 0 to ", photo.key.height - 1);
  const double x = (point.x + 0.5) * static_cast<double>(photo.size.width) / photo.key.width;
  const double y = (point.y + 0.5) * static_cast<double>(photo.size.height) / photo.key.height;
  const WindowGrid& grid = photo.grid;
  const size_t column = nearest_window(grid.xs, grid.window_width, x);
  const size_t row = nearest_window(grid.ys, grid.window_height, y);
  Located out;
  out.window = row * grid.xs.size() + column;
  PatchMap& map = out.map;
  map.point = point;
  map.resized_width = static_cast<int>(photo.size.width);
  map.resized_height = static_cast<int>(photo.size.height);
  map.window_x = grid.xs[column];
  map.window_y = grid.ys[row];
  map.window_width = grid.window_width;
  map.window_height = grid.window_height;
  map.patch_size = patch;
  map.grid_w = static_cast<int>(photo.grid_w);
  map.grid_h = static_cast<int>(photo.grid_h);
  map.patch_x = std::min(static_cast<int>((x - map.window_x) / patch), map.grid_w - 1);
  map.patch_y = std::min(static_cast<int>((y - map.window_y) / patch), map.grid_h - 1);
  return out;
}

int64_t own_patch(const PatchMap& map) {
  return int64_t{map.patch_y} * map.grid_w + map.patch_x;
}

// `weights` (A, N, N) of the map's window.
void read_attention(BlockRunner& runner, const float* weights, PatchMap& map) {
  const WindowShape& shape = runner.shape();
  const auto n = static_cast<size_t>(shape.tokens), heads = static_cast<size_t>(shape.heads);
  std::vector<float> rows(heads * n);
  for (size_t head = 0; head < heads; ++head) {
    const size_t row = head * n + static_cast<size_t>(1 + own_patch(map));
    runner.stream().download(rows.data() + head * n, weights + row * n, n * sizeof(float));
  }
  runner.stream().synchronize();
  map.heads = static_cast<int>(heads);
  for (size_t head = 0; head < heads; ++head) {
    const auto row = rows.begin() + static_cast<std::ptrdiff_t>(head * n);
    map.to_class.push_back(*row);
    map.values.insert(map.values.end(), row + 1, row + static_cast<std::ptrdiff_t>(n));
  }
}

// `features` (h·w, E) of the map's window, in host memory.
void compare_features(const std::vector<float>& features, PatchMap& map) {
  const size_t patches = static_cast<size_t>(map.grid_w) * static_cast<size_t>(map.grid_h);
  const size_t width = features.size() / patches;
  const float* own = features.data() + static_cast<size_t>(own_patch(map)) * width;
  for (size_t i = 0; i < patches; ++i) {
    double sum = 0;
    for (size_t e = 0; e < width; ++e) sum += double{own[e]} * features[i * width + e];
    map.values.push_back(static_cast<float>(sum));
  }
}

}  // namespace

Explainer::Explainer(const Engine& engine, Stream& stream)
    : engine_(engine), backend_(engine.backend()), stream_(stream), windows_(engine.vision(), engine.backend()) {}

SegmentPlan Explainer::lay_out(const ImageView& photo, const SegmentOptions& options,
                               std::shared_ptr<const DenseHead> head) {
  const PhotoKey key{photo.width, photo.height, photo.order};
  SegmentPlan plan =
      make_segment_plan(backend_, stream_, {&key, 1}, options, std::move(head), engine_.vision().patch_size());
  const ImageSize size = plan.photos[0].size;
  const PreprocessConfig& preprocess = engine_.config().preprocess;
  stream_.resize_normalize({.src = upload_.send(backend_, stream_, photo),
                            .dst = image_.get<float>(backend_, plan.atlas_floats),
                            .dst_height = size.height,
                            .dst_width = size.width,
                            .dst_row_stride = size.width,
                            .dst_plane_stride = size.width * size.height,
                            .mean = preprocess.mean,
                            .std = preprocess.std});
  return plan;
}

std::vector<PatchMap> Explainer::patch_maps(const ImageView& photo, const MapRequest& request,
                                            const SegmentOptions& options, const TextBank* bank,
                                            const RunControl& control) {
  const auto blocks = static_cast<int>(engine_.vision().blocks());
  SCLIP_CHECK(request.block >= 0 && request.block <= blocks, kInvalidArgument, "there is no block ", request.block,
              ": this model's image tower has ", blocks, ", counted from 1");
  const bool features = request.kind == MapKind::kFeatures;
  SCLIP_CHECK(!features || request.block == 0, kInvalidArgument,
              "the map of features is of what the policy reads out, behind the last block: it takes no block");
  const SegmentPlan plan = lay_out(photo, options, make_head(engine_, options, bank));
  const PhotoPlan& p = plan.photos[0];

  std::vector<Located> located;
  std::vector<size_t> windows;
  for (const PhotoPoint& point : request.points) {
    located.push_back(locate(point, p, static_cast<int>(engine_.vision().patch_size())));
    windows.push_back(located.back().window);
  }
  if (located.empty()) return {};
  std::sort(windows.begin(), windows.end());
  windows.erase(std::unique(windows.begin(), windows.end()), windows.end());
  std::vector<PatchOrigin> origins;
  for (const size_t window : windows) {
    const Window w = p.grid.window(static_cast<int>(window));
    origins.push_back({w.x0, w.y0});
  }
  const auto corners = copy_to_backend(backend_, stream_, origins.data(), origins.size() * sizeof(origins[0]));
  stream_.synchronize();

  // Calls for different windows come from several threads, and write different maps.
  const auto each_map = [&](int64_t window, const auto& body) {
    for (Located& l : located) {
      if (l.window == windows[static_cast<size_t>(window)]) body(l.map);
    }
  };
  const WindowEncoder::Photo encoded{.image = image_.get<float>(backend_, plan.atlas_floats),
                                     .height = p.size.height,
                                     .width = p.size.width,
                                     .windows = static_cast<const PatchOrigin*>(corners->data()),
                                     .count = static_cast<int64_t>(windows.size()),
                                     .window_height = p.grid.window_height,
                                     .window_width = p.grid.window_width};
  if (features) {
    const auto use = [&](BlockRunner& runner, int64_t first, const float* found) {
      std::vector<float> host(static_cast<size_t>(p.patches() * engine_.vision().embed_dim()));
      for (int64_t i = 0; i < runner.batch(); ++i) {
        runner.stream().download(host.data(), found + i * static_cast<int64_t>(host.size()),
                                 host.size() * sizeof(float));
        runner.stream().synchronize();
        each_map(first + i, [&](PatchMap& map) { compare_features(host, map); });
      }
    };
    windows_.encode(stream_, encoded, *plan.head, 1, control, use);
  } else {
    const bool last = request.block == 0 || request.block == blocks;
    const AttentionProbe probe(last ? plan.head.get() : nullptr, request.block - 1, options.policy);
    const auto use = [&](BlockRunner& runner, int64_t first, const float*) {
      const WindowShape& shape = runner.shape();
      for (int64_t i = 0; i < runner.batch(); ++i) {
        const float* weights = runner.buffer(kShown) + i * shape.heads * shape.tokens * shape.tokens;
        each_map(first + i, [&](PatchMap& map) { read_attention(runner, weights, map); });
      }
    };
    windows_.encode(stream_, encoded, probe, 1, control, use);
  }
  std::vector<PatchMap> out;
  for (Located& l : located) out.push_back(std::move(l.map));
  return out;
}

void Explainer::cosine_planes(const ImageView& photo, const TextBank& bank, const SegmentOptions& options,
                              const OnPlane& use, const RunControl& control) {
  const SegmentPlan plan = lay_out(photo, options, make_head(engine_, options, &bank));
  const PhotoPlan& p = plan.photos[0];
  const WindowGroup& group = plan.groups[0];
  const int64_t queries = bank.queries(), pixels = p.key.pixels();
  auto* cosines = cosines_.get<float>(backend_, plan.patches * queries);
  windows_.encode(stream_,
                  {.image = image_.get<float>(backend_, plan.atlas_floats),
                   .height = group.atlas_height,
                   .width = group.atlas_width,
                   .windows = group.origins(),
                   .count = group.windows,
                   .window_height = group.window_height,
                   .window_width = group.window_width},
                  *plan.head, options.window_batch, control,
                  [&](BlockRunner& runner, int64_t first, const float* features) {
                    plan.head->score(runner, features, cosines + first * group.patches * queries);
                  });
  const int64_t at_once = std::clamp(static_cast<int64_t>(kPlaneBytes / sizeof(float)) / pixels, int64_t{1}, queries);
  auto* planes = planes_.get<float>(backend_, at_once * pixels);
  std::vector<float> host(static_cast<size_t>(at_once * pixels));
  for (int64_t first = 0; first < queries; first += at_once) {
    control.check();
    const int64_t count = std::min(at_once, queries - first);
    stream_.window_planes(
        {.windows = window_logits(plan, p, cosines, queries), .first_query = first, .count = count, .planes = planes});
    stream_.download(host.data(), planes, static_cast<size_t>(count * pixels) * sizeof(float));
    stream_.synchronize();
    for (int64_t i = 0; i < count; ++i) {
      use(first + i,
          std::span<const float>(host).subspan(static_cast<size_t>(i * pixels), static_cast<size_t>(pixels)));
    }
  }
}

}  // namespace sclip
