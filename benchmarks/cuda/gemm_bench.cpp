// What can compute the image tower's products, side by side: time, rate, and the error against sums in double
// precision.
//
//   sclip_gemm_bench [--rows 12608] [--precision f16|bf16] [--rounds 5] [--layer fc1] [--width 768]   one line a plan,
//   JSON
#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>

#include "backends/cuda/cuda_event.h"
#include "backends/cuda/cuda_gemm.h"
#include "backends/cuda/gemm_plan.h"
#include "benchmarks/kernels/arrays.h"
#include "benchmarks/serve.h"
#include "core/dtype.h"

using namespace sclip;

namespace {

struct Flags {
  std::vector<int64_t> rows{12608};
  std::string precision = "f16";
  std::string layer;
  int64_t width = 768;
  int rounds = 5;
  int algorithms = 8;
};

struct Shape {
  std::string name;
  int64_t inputs, outputs;
  Epilogue epilogue;
  bool f32;  // y
};

// Repeats itself after a while: to draw them all takes longer than to multiply them.
std::vector<float> block_of_normals(int64_t count, uint32_t seed, float deviation) {
  constexpr size_t kDrawn = (1 << 20) - 9;
  auto values = random_normal(std::min(static_cast<size_t>(count), kDrawn), seed, deviation);
  values.reserve(static_cast<size_t>(count));
  for (size_t i = 0; values.size() < static_cast<size_t>(count); ++i) values.push_back(values[i]);
  return values;
}

double activated(Epilogue epilogue, double z) {
  return epilogue == Epilogue::kQuickGelu ? z / (1 + std::exp(-1.702 * z)) : z;
}

class Bench {
 public:
  Bench(const Shape& shape, DType dtype, int64_t rows, Backend& backend, Stream& stream)
      : shape_(shape), dtype_(dtype), rows_(rows), arrays_(backend, stream), stream_(stream) {
    x_ = halves(block_of_normals(rows * shape.inputs, 1, 1));
    weight_ = halves(block_of_normals(shape.outputs * shape.inputs, 2, 0.03f));
    bias_ = block_of_normals(shape.outputs, 3, 0.5f);
    if (shape.f32) start_ = block_of_normals(rows * shape.outputs, 4, 1);
    layer_ = std::make_shared<GemmLayer>(GemmLayer{
        .name = shape.name,
        .weight = arrays_.copy(weight_),
        .weight_stride = shape.inputs,
        .bias = shape.f32 ? static_cast<void*>(arrays_.copy(bias_)) : static_cast<void*>(arrays_.copy(halves(bias_))),
        .bias_f32 = arrays_.copy(bias_),
        .epilogue = shape.epilogue,
        .input = dtype,
        .output = shape.f32 ? DType::kF32 : dtype,
        .inputs = shape.inputs,
        .outputs = shape.outputs});
    y_bytes_ = static_cast<size_t>(rows * shape.outputs) * size_of(layer_->output);
    memory_ = {arrays_.copy(x_), arrays_.room<std::byte>(static_cast<int64_t>(y_bytes_)),
               arrays_.room<std::byte>(static_cast<int64_t>(kGemmWorkspace))};
  }
  const std::shared_ptr<GemmLayer>& layer() const { return layer_; }
  const GemmMemory& memory() const { return memory_; }

  // The largest error of sampled elements, over what the rounding of y and of the bias allows: at most 1 is right.
  double error(const GemmPlan& plan, const CudaQueue& queue) {
    if (shape_.f32) {
      stream_.upload(memory_.y, start_.data(), y_bytes_);
    } else {
      const std::vector<uint16_t> poison(static_cast<size_t>(rows_ * shape_.outputs), 0x7fff);  // NaN
      stream_.upload(memory_.y, poison.data(), y_bytes_);
    }
    stream_.synchronize();
    plan.run(memory_, queue);
    std::vector<uint16_t> half(shape_.f32 ? 0 : static_cast<size_t>(rows_ * shape_.outputs));
    std::vector<float> full(shape_.f32 ? static_cast<size_t>(rows_ * shape_.outputs) : 0);
    check_cuda(cudaStreamSynchronize(queue.stream), "run a product");
    stream_.download(shape_.f32 ? static_cast<void*>(full.data()) : half.data(), memory_.y, y_bytes_);
    stream_.synchronize();
    std::mt19937 random(5);
    double worst = 0;
    for (float v : full)
      if (!std::isfinite(v)) return INFINITY;
    for (uint16_t v : half)
      if (!std::isfinite(widened(v))) return INFINITY;
    for (int i = 0; i < 4096; ++i) {
      // The last rows and columns are where tiles end.
      const auto r =
          static_cast<size_t>(i % 4 == 0 ? rows_ - 1 - random() % std::min<int64_t>(rows_, 130) : random() % rows_);
      const auto c = static_cast<size_t>(i % 8 == 0 ? shape_.outputs - 1 - random() % 8 : random() % shape_.outputs);
      double sum = 0, magnitude = 0;
      for (int64_t k = 0; k < shape_.inputs; ++k) {
        const double product =
            static_cast<double>(widened(x_[r * shape_.inputs + k])) * widened(weight_[c * shape_.inputs + k]);
        sum += product;
        magnitude += std::abs(product);
      }
      const double expected = activated(shape_.epilogue, sum + bias_[c]) +
                              (shape_.epilogue == Epilogue::kResidual ? start_[r * shape_.outputs + c] : 0.0);
      const size_t at = r * static_cast<size_t>(shape_.outputs) + c;
      const double actual = shape_.f32 ? full[at] : widened(half[at]);
      const double step = shape_.f32 ? 0x1p-23 : dtype_ == DType::kF16 ? 0x1p-11 : 0x1p-8;
      // cuBLASLt's way rounds twice: the product, and the activation.
      const double allowed =
          magnitude * 0x1p-20 + 3 * step * (std::abs(expected) + std::abs(sum) + std::abs(bias_[c])) + 1e-6;
      worst = std::max(worst, std::abs(actual - expected) / allowed);
      if (std::isnan(actual)) return INFINITY;
    }
    return worst;
  }

  double microseconds(const GemmPlan& plan, const CudaQueue& queue, int rounds) {
    constexpr int kCalls = 10;
    std::vector<float> times;
    CudaEvent start, stop;
    for (int i = 0; i < rounds + 1; ++i) {
      start.record(queue.stream);
      for (int j = 0; j < kCalls; ++j) plan.run(memory_, queue);
      stop.record(queue.stream);
      const float time = stop.since(start) * 1000 / kCalls;
      if (i > 0) times.push_back(time);
    }
    std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
    return times[static_cast<size_t>(rounds / 2)];
  }

 private:
  std::vector<uint16_t> halves(const std::vector<float>& values) const {
    std::vector<uint16_t> out(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      out[i] = dtype_ == DType::kF16 ? std::bit_cast<uint16_t>(to_float16(values[i]))
                                     : std::bit_cast<uint16_t>(to_bfloat16(values[i]));
    }
    return out;
  }
  float widened(uint16_t bits) const {
    return dtype_ == DType::kF16 ? to_float(std::bit_cast<Float16>(bits)) : to_float(std::bit_cast<BFloat16>(bits));
  }

  Shape shape_;
  DType dtype_;
  int64_t rows_;
  Arrays arrays_;
  Stream& stream_;
  std::vector<uint16_t> x_, weight_;
  std::vector<float> bias_, start_;
  std::shared_ptr<GemmLayer> layer_;
  size_t y_bytes_ = 0;
  GemmMemory memory_{};
};

void run(const Flags& flags) {
  const auto dtype = flags.precision == "f16" ? DType::kF16 : DType::kBF16;
  const CudaDevices found = find_cuda_devices();
  SCLIP_CHECK(!found.devices.empty(), kUnsupported, "this benchmark needs a CUDA device: ", found.refusal);
  const CudaDevice& device = found.devices.front();
  const auto backend = make_backend({.device = "cuda"});
  const auto stream = backend->make_stream();
  CudaGemm gemm(device.index, {});
  CudaQueue queue{.architecture = 10 * device.major + device.minor,
                  .multiprocessors = device.multiprocessors,
                  .shared_memory_per_block = device.shared_memory_per_block};
  check_cuda(cudaStreamCreateWithFlags(&queue.stream, cudaStreamNonBlocking), "make a stream");
  const int64_t c = flags.width;
  const std::vector<Shape> shapes{{"qkv", c, 3 * c, Epilogue::kNone, false},
                                  {"out", c, c, Epilogue::kResidual, true},
                                  {"fc1", c, 4 * c, Epilogue::kQuickGelu, false},
                                  {"fc2", 4 * c, c, Epilogue::kResidual, true}};
  for (const Shape& shape : shapes) {
    if (!flags.layer.empty() && flags.layer != shape.name) continue;
    for (int64_t rows : flags.rows) {
      Bench bench(shape, dtype, rows, *backend, *stream);
      for (const auto& plan : gemm_plans(bench.layer(), rows, bench.memory(), flags.algorithms, gemm.blas(), queue)) {
        const double error = bench.error(*plan, queue);
        const double time = bench.microseconds(*plan, queue, flags.rounds);
        const double flop = 2.0 * static_cast<double>(rows * shape.inputs * shape.outputs);
        std::cout << nlohmann::json{{"layer", shape.name},
                                    {"rows", rows},
                                    {"inputs", shape.inputs},
                                    {"outputs", shape.outputs},
                                    {"precision", flags.precision},
                                    {"plan", plan->describe()},
                                    {"microseconds", time},
                                    {"tflops", flop / time * 1e-6},
                                    {"error", error}}
                         .dump()
                  << std::endl;
      }
    }
  }
  cudaStreamDestroy(queue.stream);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times what can compute the image tower's products.");
  Flags flags;
  app.add_option("--rows", flags.rows, "rows of x, several after one another")->capture_default_str();
  app.add_option("--precision", flags.precision)->check(CLI::IsMember({"f16", "bf16"}))->capture_default_str();
  app.add_option("--layer", flags.layer, "qkv, out, fc1 or fc2; all without it");
  app.add_option("--width", flags.width, "of the tower")->capture_default_str();
  app.add_option("--rounds", flags.rounds)->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--algorithms", flags.algorithms, "of cuBLASLt's")->check(CLI::Range(1, 64))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return run_benchmark([&] { run(flags); });
}
