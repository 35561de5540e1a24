// Products in E4M3, as `--precision fp8` has them: against the product in double of operands that the format's own
// table quantised. Elsewhere than on compute capability 9.0 the backend has to refuse.
#include "backends/backend.h"
#include "kernels/gelu/gelu.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"
#include "tests/fp8_product.h"

using namespace sclip;
using Catch::Matchers::Contains;
using testing::has_fp8;

TEST_CASE("fp8 is refused where cuBLASLt has no scales of rows for it", "[cuda][fp8]") {
  const cudaDeviceProp device = testing::first_device();
  if (has_fp8()) {
    const auto backend = make_backend({.device = "cuda", .precision = Precision::kFP8});
    CHECK(backend->fp8_products());
    CHECK(backend->precision() == Precision::kFP8);
    CHECK(backend->activation_dtype() == DType::kBF16);
    CHECK_THROWS_WITH(make_backend({.device = "cuda", .precision = Precision::kFP8, .cudnn_mlp = true}),
                      Contains("not in fp8"));
    return;
  }
  CHECK_THROWS_WITH(make_backend({.device = "cuda", .precision = Precision::kFP8}),
                    Contains("precision fp8 needs compute capability 9.0") &&
                        Contains(str("compute capability ", device.major, ".", device.minor)) &&
                        Contains("use precision bf16 or f16"));
}

TEST_CASE("a layer in E4M3 is the product of its quantised operands", "[cuda][fp8]") {
  if (!has_fp8()) return;  // the case above holds it to the refusal
  const auto backend = make_backend({.device = "cuda", .precision = Precision::kFP8});
  const auto stream = backend->make_stream();
  const bool exact_sums = testing::simulated();
  struct Shape {
    int64_t rows, inputs, outputs;
  };
  const Shape shape = GENERATE(Shape{1, 16, 16}, Shape{7, 64, 48}, Shape{50, 256, 96}, Shape{3, 3072, 32});
  const Epilogue epilogue = GENERATE(Epilogue::kNone, Epilogue::kQuickGelu, Epilogue::kGelu, Epilogue::kResidual);
  const bool with_bias = GENERATE(false, true);
  const DType output = epilogue == Epilogue::kResidual ? DType::kF32 : DType::kBF16;
  CAPTURE(shape.rows, shape.inputs, shape.outputs, static_cast<int>(epilogue), with_bias);

  const auto count = [](int64_t a, int64_t b) { return static_cast<size_t>(a * b); };
  const auto x = testing::round_to(DType::kBF16, testing::random_normal(count(shape.rows, shape.inputs), 1));
  const auto weight =
      testing::random_normal(count(shape.outputs, shape.inputs), 2, 0, 2 / std::sqrt(static_cast<float>(shape.inputs)));
  const auto bias = testing::random_normal(static_cast<size_t>(shape.outputs), 3);
  auto held = testing::random_normal(count(shape.rows, shape.outputs), 4);

  const auto layer = backend->make_linear(
      {.name = "layer",
       .weight = {.data = weight.data(), .dtype = DType::kF32, .shape = {shape.outputs, shape.inputs}},
       .bias =
           with_bias ? TensorView{.data = bias.data(), .dtype = DType::kF32, .shape = {shape.outputs}} : TensorView{},
       .epilogue = epilogue,
       .input = DType::kBF16,
       .output = output,
       .fp8 = true});
  testing::DeviceArray<std::byte> x_device(*backend, *stream, x.bytes, 0);
  std::vector<std::byte> before(held.size() * size_of(output), std::byte{0xff});
  if (epilogue == Epilogue::kResidual) std::memcpy(before.data(), held.data(), before.size());
  testing::DeviceArray<std::byte> y(*backend, *stream, before, 0);
  stream->linear(*layer, x_device.data(), shape.rows, y.data());
  const auto actual = testing::widen(output, y.host());

  const testing::QuantizedRows qx(x.values, shape.rows, shape.inputs), qw(weight, shape.outputs, shape.inputs);
  const bool activation = epilogue == Epilogue::kQuickGelu || epilogue == Epilogue::kGelu;
  for (int64_t r = 0; r < shape.rows; ++r) {
    for (int64_t n = 0; n < shape.outputs; ++n) {
      const auto i = static_cast<size_t>(r * shape.outputs + n);
      testing::Fp8Sum e = testing::fp8_sum(qx, r, qw, n, exact_sums);
      // cuBLASLt adds a bias of bf16; the activation's kernel one of f32 to the product in bf16.
      if (activation) e.allowed += testing::epsilon_of(DType::kBF16) * (std::abs(e.value) + e.allowed);
      if (with_bias) {
        const float b = bias[static_cast<size_t>(n)];
        e.value += static_cast<double>(activation ? b : to_float(to_bfloat16(b)));
      }
      if (activation) {
        const auto z = static_cast<float>(e.value);
        float activated = 0;
        ref::gelu({.x = &z,
                   .y = &activated,
                   .form = epilogue == Epilogue::kQuickGelu ? GeluForm::kQuick : GeluForm::kErf,
                   .rows = 1,
                   .cols = 1});
        // Slopes are below 1.13; the activation's own arithmetic as in gelu_test.cpp.
        e = {static_cast<double>(activated), 1.13 * e.allowed + 2e-6 + 0x1p-17 * std::abs(e.value)};
      }
      if (epilogue == Epilogue::kResidual) e.value += static_cast<double>(held[i]);
      const double allowed = e.allowed + (testing::epsilon_of(output) + 0x1p-23) * (std::abs(e.value) + e.allowed);
      const double apart = std::abs(static_cast<double>(actual[i]) - e.value);
      if (!(apart <= allowed)) {
        FAIL("row " << r << ", output " << n << ": " << actual[i] << " against " << e.value << ", apart by " << apart
                    << ", allowed " << allowed);
      }
    }
  }
}

TEST_CASE("layers in E4M3 say what they cannot multiply", "[cuda][fp8]") {
  if (!has_fp8()) return;
  const auto backend = make_backend({.device = "cuda", .precision = Precision::kFP8});
  const std::vector<float> weight(24 * 32);
  CHECK_THROWS_WITH(backend->make_linear({.name = "narrow",
                                          .weight = {.data = weight.data(), .dtype = DType::kF32, .shape = {32, 24}},
                                          .input = DType::kBF16,
                                          .output = DType::kBF16,
                                          .fp8 = true}),
                    Contains("narrow has 24 inputs and 32 outputs") && Contains("multiples of 16"));
}

TEST_CASE("a layer in E4M3 serves two streams and recordings", "[cuda][fp8]") {
  if (!has_fp8()) return;
  constexpr int64_t kRows = 5, kMoreRows = 4000, kInputs = 64, kOutputs = 32;
  const auto backend = make_backend({.device = "cuda", .precision = Precision::kFP8});
  const auto weight = testing::random_normal(kOutputs * kInputs, 1);
  const auto layer =
      backend->make_linear({.name = "shared",
                            .weight = {.data = weight.data(), .dtype = DType::kF32, .shape = {kOutputs, kInputs}},
                            .input = DType::kBF16,
                            .output = DType::kBF16,
                            .fp8 = true});
  struct Lane {
    Lane(Backend& backend, uint32_t seed)
        : stream(backend.make_stream()),
          x(backend, *stream,
            testing::round_to(DType::kBF16, testing::random_normal(kMoreRows * kInputs, seed, 0, 1 << seed)).bytes, 0),
          y(backend, *stream, std::vector<std::byte>(kMoreRows * kOutputs * 2, std::byte{0xff}), 0) {}
    std::vector<std::byte> first_rows() {
      std::vector<std::byte> out = y.host();
      out.resize(kRows * kOutputs * 2);
      return out;
    }
    std::unique_ptr<Stream> stream;
    testing::DeviceArray<std::byte> x, y;
  };
  Lane a(*backend, 2), b(*backend, 6);
  const auto run = [&](Lane& lane, int64_t rows) { lane.stream->linear(*layer, lane.x.data(), rows, lane.y.data()); };
  run(a, kRows);
  const auto alone = a.first_rows();
  run(b, kRows);
  const auto other = b.first_rows();
  CHECK(alone != other);

  // Each stream has scales of its own, whoever planned the product.
  for (int i = 0; i < 3; ++i) run(a, kRows), run(b, kRows);
  CHECK(a.first_rows() == alone);
  CHECK(b.first_rows() == other);

  a.stream->begin_recording();
  run(a, kRows);
  const auto recording = a.stream->end_recording();
  const std::vector<std::byte> nothing(a.y.size(), std::byte{0xff});
  a.stream->upload(a.y.data(), nothing.data(), nothing.size());
  a.stream->replay(*recording);
  CHECK(a.first_rows() == alone);

  // More rows move the memory that the recording refers to, which the stream says.
  const uint64_t generation = a.stream->generation();
  run(a, kMoreRows);
  CHECK(a.stream->generation() != generation);
  CHECK(a.first_rows() == alone);
  a.stream->trim();
  run(a, kRows);
  CHECK(a.first_rows() == alone);
}
