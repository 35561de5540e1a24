// The image tower under `--precision fp8`: each product of each block against its own operands, quantised. The operands
// are read back from the engine, so that no difference grows from one product to the next: where activations differ by
// the rounding of a bf16, 2^-9, one in 2^-9 / 2^-3.5 values of E4M3, 2 %, falls to the other side and differs by a
// unit, 2^-3.5; after a few blocks that is as much as the quantisation itself, and a comparison of whole towers says
// nothing.
#include <cmath>
#include <cstring>

#include "engine/vision_encoder.h"
#include "kernels/gelu/gelu.h"
#include "sclip/engine.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"
#include "tests/fp8_product.h"

using namespace sclip;

namespace {

const std::filesystem::path kDemoModel = std::filesystem::path(SCLIP_SOURCE_DIR) / "weights/demo/demo-clip.sclip";

class Tower {
 public:
  explicit Tower(const Engine& engine)
      : engine_(engine), stream_(engine.backend().make_stream()), exact_sums_(testing::simulated()) {}

  Stream& stream() { return *stream_; }

  std::vector<float> read(const void* device, DType dtype, int64_t count) {
    std::vector<std::byte> bytes(static_cast<size_t>(count) * size_of(dtype));
    stream_->download(bytes.data(), device, bytes.size());
    stream_->synchronize();
    return testing::widen(dtype, bytes);
  }
  std::unique_ptr<Memory> upload(const void* host, size_t bytes) {
    auto memory = engine_.backend().allocate(bytes);
    stream_->upload(memory->data(), host, bytes);
    stream_->synchronize();
    return memory;
  }

  // y = f(x · Wᵀ + bias) + held of the layer `name`: y as the engine has it in `output`.
  void check(const std::string& name, const std::vector<float>& x, const std::vector<float>& y, DType output,
             bool activation, const std::vector<float>& held) {
    const std::vector<float> weight = tensor(name + ".weight"), bias = tensor(name + ".bias");
    const auto outputs = static_cast<int64_t>(bias.size()), inputs = static_cast<int64_t>(weight.size()) / outputs;
    const int64_t rows = static_cast<int64_t>(x.size()) / inputs;
    REQUIRE(y.size() == static_cast<size_t>(rows * outputs));
    const testing::QuantizedRows qx(x, rows, inputs), qw(weight, outputs, inputs);
    int64_t told_apart = 0;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t n = 0; n < outputs; ++n) {
        const auto i = static_cast<size_t>(r * outputs + n);
        testing::Fp8Sum e = testing::fp8_sum(qx, r, qw, n, exact_sums_);
        double unquantised = 0;
        for (int64_t k = 0; k < inputs; ++k) {
          unquantised += static_cast<double>(x[static_cast<size_t>(r * inputs + k)]) *
                         static_cast<double>(weight[static_cast<size_t>(n * inputs + k)]);
        }
        const double quantisation = std::abs(e.value - unquantised);
        if (activation) e.allowed += testing::epsilon_of(DType::kBF16) * (std::abs(e.value) + e.allowed);
        const float b = bias[static_cast<size_t>(n)];
        e.value += static_cast<double>(activation ? b : to_float(to_bfloat16(b)));
        if (activation) {
          const auto z = static_cast<float>(e.value);
          float activated = 0;
          const bool quick = engine_.config().activation == Activation::kQuickGelu;
          ref::gelu(
              {.x = &z, .y = &activated, .form = quick ? GeluForm::kQuick : GeluForm::kErf, .rows = 1, .cols = 1});
          // As in fp8_test.cpp.
          e = {static_cast<double>(activated), 1.13 * e.allowed + 2e-6 + 0x1p-17 * std::abs(e.value)};
        }
        if (!held.empty()) e.value += static_cast<double>(held[i]);
        const double allowed = e.allowed + (testing::epsilon_of(output) + 0x1p-23) * (std::abs(e.value) + e.allowed);
        const double apart = std::abs(static_cast<double>(y[i]) - e.value);
        told_apart += quantisation > 2 * allowed;
        if (!(apart <= allowed)) {
          FAIL(name << ", row " << r << ", output " << n << ": " << y[i] << " against " << e.value << ", apart by "
                    << apart << ", allowed " << allowed);
        }
      }
    }
    // A product in bf16 would not pass: of many elements it is farther away than is allowed.
    const double share = static_cast<double>(told_apart) / static_cast<double>(y.size());
    INFO(name << ": " << 100 * share << " % of the elements tell E4M3 from bf16");
    if (exact_sums_) CHECK(share > 0.25);
  }

 private:
  std::vector<float> tensor(const std::string& name) const {
    const TensorView view = engine_.blob().tensor(name);
    std::vector<float> out(static_cast<size_t>(view.shape.count()));
    convert_to_f32(view.dtype, view.data, out.data(), out.size());
    return out;
  }

  const Engine& engine_;
  std::unique_ptr<Stream> stream_;
  bool exact_sums_;
};

}  // namespace

TEST_CASE("each product of the tower's blocks is that of its quantised operands", "[cuda][fp8]") {
  if (!testing::has_fp8()) return;  // fp8_test.cpp holds the backend to the refusal
  const auto engine = Engine::load(kDemoModel, {.backend = {.device = "cuda", .precision = Precision::kFP8}});
  CHECK(engine->device().precision == Precision::kFP8);
  const Backend& backend = engine->backend();
  Tower tower(*engine);
  const VisionEncoder encoder(engine->blob(), backend);
  const VisionConfig& vision = engine->config().vision;
  const int64_t patch = vision.patch_size, c = vision.width, height = 2 * patch, width = 4 * patch;
  const std::vector<PatchOrigin> origins = {{0, 0}, {static_cast<int32_t>(patch), 0}};  // of two by three patches
  const std::vector<float> image = testing::random_normal(static_cast<size_t>(3 * height * width), 1);
  const auto device_image = tower.upload(image.data(), image.size() * sizeof(float));
  const auto device_origins = tower.upload(origins.data(), origins.size() * sizeof(PatchOrigin));

  VisionPlan plan = encoder.make_plan(2, 2, 3);
  const auto arena = backend.allocate(plan.bytes());
  plan.use(arena->data());
  BlockRunner runner = encoder.begin(tower.stream(), plan,
                                     {.image = static_cast<const float*>(device_image->data()),
                                      .height = height,
                                      .width = width,
                                      .windows = static_cast<const PatchOrigin*>(device_origins->data()),
                                      .batch = 2,
                                      .window_height = 2 * patch,
                                      .window_width = 3 * patch});
  const int64_t rows = 2 * plan.shape().tokens;
  REQUIRE(plan.shape().activation == DType::kBF16);
  const auto tokens = [&] { return tower.read(plan.tokens(), DType::kF32, rows * c); };
  const auto normed = [&] { return tower.read(plan.normed(), DType::kBF16, rows * c); };
  for (int block = 0; block < runner.blocks(); ++block) {
    const std::string name = str("visual.blocks.", block, ".");
    std::vector<float> before = tokens();
    runner.project_qkv(block, runner.tokens());
    tower.check(name + "attn.qkv", normed(), tower.read(plan.qkv(), DType::kBF16, rows * 3 * c), DType::kBF16, false,
                {});
    tower.stream().attention(runner.attention());
    if (block == runner.blocks() - 1) {  // what a read-out of the last block writes
      const std::vector<float> attended = normed();
      runner.write_last_attention(runner.tokens());
      tower.check(name + "attn.out", attended, tokens(), DType::kF32, false, {});
      before = tokens();
    }
    const std::vector<float> attended = normed();
    runner.add_attention(block, runner.tokens());
    tower.check(name + "attn.out", attended, tokens(), DType::kF32, false, before);
    before = tokens();
    runner.add_mlp(block, runner.tokens());
    const std::vector<float> hidden = tower.read(plan.hidden(), DType::kBF16, rows * vision.mlp_width);
    tower.check(name + "mlp.fc1", normed(), hidden, DType::kBF16, true, {});
    tower.check(name + "mlp.fc2", hidden, tokens(), DType::kF32, false, before);
  }
}
