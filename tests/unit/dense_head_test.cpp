// Programs over the tower's blocks: what a dense head may keep, run again, and read of the whole photo.
#include <cmath>
#include <functional>
#include <map>
#include <mutex>
#include <tuple>

#include "engine/dense_head/locality.h"
#include "engine/dense_head/policy.h"
#include "engine/dense_head/random_projection.h"
#include "engine/window_encoder.h"
#include "io/image_decode.h"
#include "sclip/engine.h"
#include "sclip/session.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"
#include "tests/reference_tower.h"

using namespace sclip;
using testing::ReferenceTower;
using testing::Rows;

namespace {

const std::filesystem::path kHeadGoldens = std::filesystem::path(SCLIP_SOURCE_DIR) / "tests/data/goldens";

std::shared_ptr<const Engine> load(const std::filesystem::path& blob) {
  return Engine::load(blob, {.backend = {.device = testing::device_under_test(), .precision = Precision::kF32}});
}

std::shared_ptr<const Engine> load_tiny() {
  return load(kHeadGoldens / "tiny.sclip");
}

constexpr int kEarly = 2;  // blocks

// Features of two depths: the last block's attention over the patches that reach it, and its keys' self-attention over
// the patches as they were after two blocks, added. And of the whole photo CLIP's own embedding.
class TwoTaps : public DenseHead {
 public:
  explicit TwoTaps(int64_t embed_dim) : DenseHead({}), embed_dim_(embed_dim) {}

  PlanNeeds needs(const WindowShape& shape) const override {
    return {.buffers = {{"early", shape.tokens * shape.width * 4}, {"sum", shape.patches() * shape.width * 4}},
            .constants = {}};
  }

  void encode(BlockRunner& runner, float* features) const override {
    const int last = runner.blocks() - 1;
    const int64_t hw = runner.shape().patches();
    float* early = runner.buffer("early");
    const TokenRows sum{runner.buffer("sum"), hw, hw * runner.shape().width};

    runner.run_blocks(0, kEarly);
    runner.keep_tokens(early);
    runner.run_blocks(kEarly, last);

    runner.project_qkv(last, runner.patches());
    runner.stream().attention(runner.attention(hw));
    runner.write_last_attention(sum);

    runner.project_qkv(last, runner.without_class_token(runner.rows_of(early)));
    AttentionParams attention = runner.attention(hw);
    attention.scores = AttentionScores::kKeyKey;
    runner.stream().attention(attention);
    runner.add_attention(last, sum);
    runner.project(sum, features);
  }

  int64_t photo_floats() const override { return embed_dim_; }
  void read_photo(BlockRunner& runner, float* kept) const override {
    runner.run_blocks(0, runner.blocks());
    runner.project(runner.class_tokens(), kept);
  }

 private:
  int64_t embed_dim_;
};

template <typename T>
std::unique_ptr<Memory> to_device(const Backend& backend, Stream& stream, const std::vector<T>& values) {
  auto memory = backend.allocate(values.size() * sizeof(T));
  stream.upload(memory->data(), values.data(), values.size() * sizeof(T));
  stream.synchronize();
  return memory;
}

double largest(const Rows& x) {
  double out = 0;
  for (const double value : x.values) out = std::max(out, std::abs(value));
  return out;
}

void check_close(const float* actual, const Rows& expected, double tolerance) {
  const auto same = testing::all_close(actual, expected.values.data(), expected.values.size(), tolerance);
  INFO(same.message << "; the largest difference is " << same.max_error);
  CHECK(same);
}

// The work fails with this code, and a message that contains every word.
void check_fails(ErrorCode code, const std::vector<std::string>& words, const std::function<void()>& work) {
  try {
    work();
    FAIL_CHECK("nothing was thrown");
  } catch (const Error& error) {
    const std::string message = error.what();
    CAPTURE(message);
    CHECK(error.code() == code);
    for (const std::string& word : words) {
      CAPTURE(word);
      CHECK(message.find(word) != std::string::npos);
    }
  }
}

}  // namespace

TEST_CASE("a head keeps features of two blocks and reads the whole photo", "[device]") {
  const auto engine = load(kHeadGoldens / "../../../weights/demo/demo-clip.sclip");
  const Backend& backend = engine->backend();
  const auto stream = backend.make_stream();
  const ReferenceTower reference(engine->blob());
  const int last = engine->config().vision.layers - 1;
  REQUIRE(last > kEarly);
  const int64_t patch = engine->config().vision.patch_size, e = engine->config().embed_dim;

  // Windows three patches high and five wide, of a photo of five by seven and a bit.
  const int64_t height = 5 * patch + 3, width = 7 * patch + 1, window_h = 3 * patch, window_w = 5 * patch + 1;
  const std::vector<PatchOrigin> origins = {
      {0, 0}, {3, 1}, {static_cast<int32_t>(width - window_w), 0}, {1, 7}, {5, 2}};
  const std::vector<float> image = testing::random_normal(static_cast<size_t>(3 * height * width), 1);
  const auto device_image = to_device(backend, *stream, image);
  const auto device_origins = to_device(backend, *stream, origins);

  const TwoTaps head(e);
  const Rows whole = reference.project(ReferenceTower::class_token(
      reference.run_blocks(reference.embed(image, height, width, 0, 0, height, width), 0, last + 1)));
  std::vector<Rows> early, features;
  for (const PatchOrigin& origin : origins) {
    early.push_back(
        reference.run_blocks(reference.embed(image, height, width, origin.x, origin.y, window_h, window_w), 0, kEarly));
    const Rows late = reference.run_blocks(early.back(), kEarly, last);
    features.push_back(reference.project(reference.attended(ReferenceTower::patches(late), last, 'q', 'k') +
                                         reference.attended(ReferenceTower::patches(early.back()), last, 'k', 'k')));
  }

  WindowEncoder encoder(engine->vision(), backend);
  for (const int64_t batch : {2, 5}) {
    CAPTURE(batch);
    std::mutex mutex;  // Catch's checks are one thread's
    size_t seen = 0;
    const auto use = [&](BlockRunner& runner, int64_t first, const float* found) {
      const WindowShape& shape = runner.shape();
      const int64_t kept_floats = shape.tokens * shape.width, feature_floats = shape.patches() * e;
      std::vector<float> got_features(static_cast<size_t>(runner.batch() * feature_floats));
      std::vector<float> got_early(static_cast<size_t>(runner.batch() * kept_floats));
      std::vector<float> got_whole(static_cast<size_t>(e));
      Stream& lane = runner.stream();
      lane.download(got_features.data(), found, got_features.size() * sizeof(float));
      lane.download(got_early.data(), runner.buffer("early"), got_early.size() * sizeof(float));
      lane.download(got_whole.data(), runner.windows().photo, got_whole.size() * sizeof(float));
      lane.synchronize();

      const std::lock_guard lock(mutex);
      // As the goldens': unit vectors after a few blocks, each adding a few roundings of 6e-8; the residual stream has
      // the same relative error.
      check_close(got_whole.data(), whole, 4e-6);
      for (int64_t i = 0; i < runner.batch(); ++i) {
        const auto window = static_cast<size_t>(first + i);
        CAPTURE(window);
        check_close(got_features.data() + i * feature_floats, features[window], 4e-6);
        check_close(got_early.data() + i * kept_floats, early[window], 4e-6 * largest(early[window]));
        ++seen;
      }
    };
    encoder.encode(*stream,
                   {.image = static_cast<const float*>(device_image->data()),
                    .height = height,
                    .width = width,
                    .windows = static_cast<const PatchOrigin*>(device_origins->data()),
                    .count = static_cast<int64_t>(origins.size()),
                    .window_height = window_h,
                    .window_width = window_w},
                   head, batch, {}, use);
    CHECK(seen == origins.size());
  }
}

TEST_CASE("a head may bring a matrix of its own for q, k and v", "[device]") {
  // The keys' rows in the place of the queries': q·kᵀ is then what the policy k-only computes.
  class KeysTwice : public DenseHead {
   public:
    explicit KeysTwice(const HeadInputs& inputs) : DenseHead(inputs.words) {
      const std::string name = str("visual.blocks.", inputs.blob.config().vision.layers - 1, ".attn.qkv.");
      const TensorView weight = inputs.blob.tensor(name + "weight"), bias = inputs.blob.tensor(name + "bias");
      const auto swapped = [](const TensorView& tensor) {
        const auto* bytes = static_cast<const std::byte*>(tensor.data);
        std::vector<std::byte> out(bytes, bytes + tensor.bytes());
        const size_t third = tensor.bytes() / 3;
        std::copy_n(bytes + third, third, out.begin());
        return out;
      };
      const std::vector<std::byte> w = swapped(weight), b = swapped(bias);
      in_proj_ = inputs.backend.make_linear({.name = "keys twice",
                                             .weight = {.data = w.data(), .dtype = weight.dtype, .shape = weight.shape},
                                             .bias = {.data = b.data(), .dtype = bias.dtype, .shape = bias.shape},
                                             .input = inputs.backend.activation_dtype(),
                                             .output = inputs.backend.activation_dtype()});
    }
    void encode(BlockRunner& runner, float* features) const override {
      const int last = runner.blocks() - 1;
      runner.run_blocks(0, last);
      runner.project_qkv(last, runner.tokens(), *in_proj_);
      runner.stream().attention(runner.attention());
      runner.add_attention(last, runner.tokens());
      runner.add_mlp(last, runner.tokens());
      runner.project(runner.patches(), features);
    }

   private:
    std::unique_ptr<Linear> in_proj_;
  };

  const auto engine = load_tiny();
  const Backend& backend = engine->backend();
  const auto stream = backend.make_stream();
  const int64_t side = engine->config().vision.image_size;
  const std::vector<float> image = testing::random_normal(static_cast<size_t>(3 * side * side), 2);
  const auto device_image = to_device(backend, *stream, image);
  const auto corner = to_device(backend, *stream, std::vector<PatchOrigin>(1));
  WindowEncoder encoder(engine->vision(), backend);
  const auto features_of = [&](const DenseHead& head) {
    std::vector<float> out(static_cast<size_t>(engine->config().vision.tokens() - 1) *
                           static_cast<size_t>(engine->config().embed_dim));
    encoder.encode(*stream,
                   {.image = static_cast<const float*>(device_image->data()),
                    .height = side,
                    .width = side,
                    .windows = static_cast<const PatchOrigin*>(corner->data()),
                    .count = 1,
                    .window_height = side,
                    .window_width = side},
                   head, 1, {}, [&](BlockRunner& runner, int64_t, const float* found) {
                     runner.stream().download(out.data(), found, out.size() * sizeof(float));
                     runner.stream().synchronize();
                   });
    return out;
  };
  const HeadInputs inputs{.blob = engine->blob(), .backend = backend};
  const std::vector<float> expected = features_of(*find_policy("k-only").make_head(inputs));
  const std::vector<float> clip = features_of(*find_policy("clip").make_head(inputs));
  const std::vector<float> actual = features_of(KeysTwice(inputs));
  // Unit vectors; the same products in another order at most.
  const auto same = testing::all_close(actual.data(), expected.data(), expected.size(), 2e-6);
  INFO(same.message);
  CHECK(same);
  CHECK(!testing::all_close(clip.data(), expected.data(), expected.size(), 1e-3));
}

TEST_CASE("policies may change from photo to photo of a session", "[device]") {
  const auto engine = load_tiny();
  const Image photo = load_image(kHeadGoldens / "landscape.png", *testing::cpu_queue().pool);
  const ClassList classes = parse_class_argument("a; b");
  const auto bank = make_text_bank(*engine, classes, {.templates = {"{}"}, .cache_folder = {}});
  const auto logits_of = [&](Session& session, const std::string& policy) {
    std::vector<float> logits(static_cast<size_t>(bank->queries()) * static_cast<size_t>(photo.width) *
                              static_cast<size_t>(photo.height));
    session.segment(photo.view(), *bank, {.short_side = 48, .crop = 32, .stride = 16, .policy = policy}, logits);
    return logits;
  };
  std::map<std::string, std::vector<float>> expected;
  for (const std::string policy : {"naclip", "naclip:sigma=1", "sclip", "sc-clip", "dih-clip", "sfp"}) {
    Session fresh(engine);
    expected[policy] = logits_of(fresh, policy);
  }
  CHECK(expected["naclip"] != expected["naclip:sigma=1"]);
  // Each long enough for a device to record it and to replay the recording after the others ran.
  Session session(engine);
  for (int round = 0; round < 4; ++round) {
    for (const auto& [policy, logits] : expected) {
      CAPTURE(round, policy);
      CHECK(logits_of(session, policy) == logits);
    }
  }
}

TEST_CASE("plans serve the heads whose needs they hold", "[engine]") {
  const auto engine = load_tiny();
  const VisionEncoder& vision = engine->vision();
  const WindowShape shape = vision.window_shape(3, 5);
  CHECK(shape.tokens == 16);
  const PlanNeeds none;
  PlanNeeds five, one, buffer, large;
  five.constants.push_back(locality_bias(shape, 5));
  one.constants.push_back(locality_bias(shape, 1));
  buffer.buffers.push_back({"x", 64});
  large.buffers.push_back({"x", 128});
  const VisionPlan plain = vision.make_plan(2, 3, 5);
  const VisionPlan with_five = vision.make_plan(2, 3, 5, five);
  const VisionPlan with_buffer = vision.make_plan(2, 3, 5, buffer);

  CHECK(plain.serves(2, 3, 5, none));
  CHECK(plain.serves(1, 3, 5, none));
  CHECK(!plain.serves(3, 3, 5, none));
  CHECK(!plain.serves(2, 5, 3, none));
  CHECK(!plain.serves(2, 3, 5, five));
  CHECK(with_five.serves(2, 3, 5, none));
  CHECK(with_five.serves(2, 3, 5, five));
  CHECK(!with_five.serves(2, 3, 5, one));
  CHECK(with_buffer.serves(2, 3, 5, buffer));
  CHECK(!with_buffer.serves(2, 3, 5, large));
  CHECK(!with_buffer.serves(2, 3, 5, five));

  check_fails(ErrorCode::kInternal, {"no buffer 'x'"}, [&] { plain.buffer("x"); });
  check_fails(ErrorCode::kInternal, {"no constant 'x'"}, [&] { plain.constant("x"); });
  buffer.buffers.push_back({"x", 128});
  check_fails(ErrorCode::kInternal, {"two buffers 'x'"}, [&] { vision.make_plan(2, 3, 5, buffer); });
  check_fails(ErrorCode::kInvalidArgument, {"smaller than a patch"}, [&] { vision.make_plan(2, 0, 5); });
}

TEST_CASE("the locality bias is a Gaussian of the distance between patches", "[engine]") {
  const std::vector<float> bias = locality_bias({.grid_h = 2, .grid_w = 3, .tokens = 7}, 2).values();
  REQUIRE(bias.size() == 49);
  const auto at = [&](size_t i, size_t j) { return static_cast<double>(bias[i * 7 + j]); };
  for (size_t i = 0; i < 7; ++i) {
    CHECK(at(0, i) == 0);
    CHECK(at(i, 0) == 0);
    if (i > 0) CHECK(at(i, i) == 1);
  }
  // Squared distances 1, 1, 4, 5 in a grid of two rows of three; 2σ² = 8.
  for (const auto& [i, j, squares] :
       std::vector<std::tuple<size_t, size_t, double>>{{1, 2, 1}, {1, 4, 1}, {1, 3, 4}, {1, 6, 5}, {4, 3, 5}}) {
    CHECK(std::abs(at(i, j) - std::exp(-squares / 8)) <= 1e-6);  // a few roundings of 6e-8 of a value below 1
    CHECK(at(i, j) == at(j, i));
  }
  CHECK(locality_name(5) != locality_name(std::nextafter(5.0f, 6.0f)));
}

TEST_CASE("the neighbourhood bias hides what lies further than half of n", "[engine]") {
  const ConstantNeed need = neighbourhood_bias({.grid_h = 3, .grid_w = 4, .tokens = 13}, 3);
  CHECK(need.name != neighbourhood_name(5));
  const std::vector<float> bias = need.values();
  REQUIRE(bias.size() == 169);
  for (int i = 0; i < 13; ++i) {
    for (int j = 0; j < 13; ++j) {
      CAPTURE(i, j);
      bool seen = i == 0;  // the class token sees all, and no patch sees it
      if (i > 0 && j > 0) {
        const int dy = (i - 1) / 4 - (j - 1) / 4, dx = (i - 1) % 4 - (j - 1) % 4;
        seen = dy * dy <= 1 && dx * dx <= 1;
      }
      CHECK(bias[static_cast<size_t>(i * 13 + j)] == (seen ? 0 : -std::numeric_limits<float>::infinity()));
    }
  }
  const std::vector<float> alone = neighbourhood_bias({.grid_h = 3, .grid_w = 4, .tokens = 13}, 1).values();
  for (size_t i = 1; i < 13; ++i) {
    for (size_t j = 1; j < 13; ++j) CHECK(std::isfinite(alone[i * 13 + j]) == (i == j));
  }
}

// The values come from tests/reference/read_outs/random.py.
TEST_CASE("random projections are the same everywhere", "[engine]") {
  std::vector<float> w(64);
  random_projection(0, 0, 8, w);
  CHECK(w[0] == 0.46945792f);
  CHECK(w[63] == 0.47044912f);
  random_projection(7, 1, 8, w);
  CHECK(w[0] == 0.5250331f);
  CHECK(w[9] == -0.0233046f);
  std::vector<float> large(768 * 768);
  random_projection(4294967295u, 63, 768, large);
  CHECK(large[12345] == -0.060133792f);
  double sum = 0, squares = 0;
  for (const float x : large) sum += x, squares += double{x} * x;
  const auto n = static_cast<double>(large.size());
  CHECK(std::abs(sum / n) < 5 * std::sqrt(1 / 768.0 / n));          // five deviations of the mean
  CHECK(std::abs(768 * squares / n - 1) < 5 * std::sqrt(0.8 / n));  // x² has a variance of 0.8 of its mean squared
}

TEST_CASE("policies are found by name and options", "[engine]") {
  CHECK(find_policy("sclip").spelling() == "sclip");
  CHECK(find_policy("naclip").number("sigma") == 5);
  CHECK(find_policy("naclip:sigma=5.0").spelling() == "naclip");
  CHECK(find_policy("naclip:sigma=2.5").spelling() == "naclip:sigma=2.5");
  CHECK(find_policy("local-5").spelling() == "local:n=5");
  CHECK(find_policy("local-3").spelling() == "local");
  CHECK(find_policy("random-8:seed=2").spelling() == "random:n=8,seed=2");
  CHECK(find_policy("sharpen-0.1").number("t") == 0.1);
  CHECK(find_policy("layer-9").spelling() == "layer:i=9");
  const std::vector<std::string> more = {"n=9", "n=7"};
  CHECK(find_policy("local-5:n=3", more).spelling() == "local:n=7");
  CHECK(find_policy("q-only").name() == "q-only");
  CHECK(find_policy("learned:file=w.npy").files() == std::vector<std::string>{"w.npy"});
  CHECK(find_policy("learned").files().empty());
  CHECK(list_policies().size() == policies().size());
  for (const PolicyInfo& policy : policies()) {
    CHECK(find_policy(policy.name).name() == policy.name);
    CHECK(find_policy(find_policy(policy.name).spelling()).name() == policy.name);
    if (!policy.in_name.empty()) find_policy(policy.name).text(policy.in_name);
    CHECK(describe_policies().find(str(policy.name, ": ", policy.summary)) != std::string::npos);
  }

  const std::vector<PolicyInfo> table = {
      {.name = "local",
       .summary = "",
       .options = {{.name = "n", .value = "3", .min = 1, .max = 99, .meaning = "patches"},
                   {.name = "file", .value = "", .meaning = "a file"}},
       .make = {}}};
  const Policy local = parse_policy("local:file=a=b.npy,n=7", table);
  CHECK(local.number("n") == 7);
  CHECK(local.text("file") == "a=b.npy");
  CHECK(local.spelling() == "local:n=7,file=a=b.npy");
}

TEST_CASE("a policy that cannot be is refused with what can", "[engine]") {
  struct Case {
    std::string spelling;
    std::vector<std::string> words;  // of the message
  };
  const std::vector<Case> cases = {
      {"", {"no policy ''", "sclip"}},
      {"magic", {"'magic': use one of clip, sclip, maskclip"}},
      {"sclpi", {"did you mean 'sclip'?"}},
      {"naclip:", {"''", "NAME:OPTION=VALUE"}},
      {"naclip:sigma", {"'sigma'", "NAME:OPTION=VALUE"}},
      {"naclip:sigm=3", {"no option 'sigm'", "did you mean 'sigma'?"}},
      {"naclip:sigma=nan", {"0.01 to 1000", "'nan'"}},
      {"naclip:sigma=0", {"0.01 to 1000", "'0'"}},
      {"naclip:sigma=3x", {"'3x'"}},
      {"naclip:sigma=", {"''"}},
      {"naclip:sigma=3,", {"''", "NAME:OPTION=VALUE"}},
      {"clip:sigma=3", {"clip has no option 'sigma'", "it has none"}},
      {"local-4", {"one of 1, 3, 5 … 99", "'4'"}},
      {"local:n=2", {"one of 1, 3, 5 … 99", "'2'"}},
      {"local-", {"''"}},
      {"random-1.5", {"a whole number from 1 to 64", "'1.5'"}},
      {"naclip-3", {"no policy 'naclip-3'"}},
      {"learned:fil=w.npy", {"did you mean 'file'?"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.spelling);
    check_fails(ErrorCode::kInvalidArgument, c.words, [&] { find_policy(c.spelling); });
  }
}
