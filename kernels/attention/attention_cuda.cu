// P = weights of softmaxes (scale · s + bias) for s of q·kᵀ, q·qᵀ, k·kᵀ, v·vᵀ, and of added probabilities; out = P · V.
//
// Maths      A unit is the N²·d multiplications of one product. One kind of scores takes 2: S and P·V. The
//            correlative pair takes 3 where N ≤ 256 (attention_whole_rows.cuh): S₁ = q·qᵀ, softmax, kept as halves
//            in registers; S₂ = k·kᵀ, softmax; P = P₁ + P₂; one P·V. The exponentials E₁, E₂ are not normalised but
//            weighted, (E₁ · sum₂ / sum₁ + E₂) · V / sum₂, so that one fma joins them. E₁ is rounded to f16 (also
//            for bf16), the sum once to the storage type.
//            Everything else of softmaxes alone is online (attention_online.cuh): running maxima and sums. The pair
//            then takes 4 units and two accumulators, which share each fragment of V: the two maxima move apart, so
//            neither output can be rescaled into the other. Passes for the statistics alone would take 5 units.
//            General probabilities (weights, added ones, a bias for each window or head, three kinds, values of another
//            array, P itself as a result) take two passes (attention_two_pass.cuh): each row's maximum and sum, then P,
//            normalised and complete, tile by tile. For K kinds that is 2·K + 1 units, 3 for one kind where online
//            takes 2.
//            Identity scores are a strided copy. f32, a head_dim without an instance (not a multiple of 8, or above
//            128) and pointers off 16 bytes take attention_simt.cuh: a pass for the statistics and one for the
//            output, 2·K + 1 units of plain fma.
// Tiling     A block is 64 query rows of a head, 4 warps of 16 (attention_tile.h). Keys and values come in tiles of
//            64 (online and two passes beyond d = 96: 32) by cp.async through two stages, one barrier a tile. The
//            incomplete tile comes first and multiplies only its groups of 8 keys that exist: N = 197 takes 25 of them
//            for S and 13 steps of 16 for P·V, 2.92 units of 208²·d or 3.26 of 197²·d. Warps below the matrix copy and
//            do not multiply. A causal block leaves out tiles it does not see. A lane holds columns 2t, 2t + 1 of two
//            rows in every group of 8, so that S, packed, is A of P·V without moving. For the mean of the heads a
//            block goes through all of them, an A-th of the blocks, and adds to its own rows of P in order.
// Shared     64 + 2·64 rows of 2·d bytes, online with two kinds 64 more: at most 48 KiB; 24 at d = 64 (32). Two passes:
//            64 rows for each of K products and two stages, and 8 bytes for each kind and row: 24.5 KiB at d = 64 and
//            one kind, 41.5 with three; 33 to 66 beyond. Chunks of 16 bytes are XORed with bits of their row's number
//            (Panel): no bank conflict in ldmatrix, cp.async or the output's way through shared memory at any d, which
//            is checked at compile time.
// Occupancy  Whole rows: 128 threads, at most 255 registers (128 of scores, 64 of E₁): 2 blocks, 8 warps of an SM.
//            Online, one kind: 128 threads, at most 128 registers: 4 blocks for d ≤ 64, 168 and 3 beyond (d = 96 on
//            sm_86, 89, 120: 2, for shared memory); two kinds: 2 blocks. Two passes: at most 255 registers, 2 blocks
//            (32 of P, 32 of one kind's scores, d / 2 of the output). Without tensor cores: 128 registers, 4 blocks at
//            d = 64 (3 where an SM has 100 KiB: 30 KiB a block), 168 and 3 beyond, general probabilities 255 and 2. No
//            spills, no stack frames.
// DRAM       q, k, v once and the output once: blocks of a head are neighbours in the grid and meet in L2, which
//            serves the head's keys and values to each of its ⌈N / 64⌉ blocks. Biases and added probabilities are read
//            once a kind and pass, 4·N² bytes a matrix, in sectors that two loads share; a returned P is 4·N² bytes a
//            matrix written, in halves of sectors that meet in L2, and twice that traffic where it is added to.
// Limit      Shared memory and tensor cores alike: with 16 rows a warp, one ldmatrix.x4 (4 cycles of an SM's shared
//            memory) feeds two mma (4 cycles of its tensor cores on sm_80); the online pair, which shares V, does
//            better. Then the softmax, about 5 instructions for 32 scores, one of them in the special-function unit.
//            Returned probabilities: DRAM, 1.9 MB a window of 197 tokens and 12 heads, half as much again as its q, k,
//            v and output in f16.
#include <numbers>

#include "kernels/attention/attention.h"
#include "kernels/attention/attention_online.cuh"
#include "kernels/attention/attention_simt.cuh"
#include "kernels/attention/attention_two_pass.cuh"
#include "kernels/attention/attention_whole_rows.cuh"
#include "kernels/cuda/launch.h"

namespace sclip {
namespace {

using namespace cuda;

int side_of(AttentionScores scores, bool right) {
  switch (scores) {
    case AttentionScores::kKeyKey: return 1;
    case AttentionScores::kValueValue: return 2;
    case AttentionScores::kQueryKey: return right ? 1 : 0;
    default: return 0;
  }
}

template <typename T>
AttentionArgs<T> args_of(const AttentionParams& p) {
  return {.qkv = static_cast<const T*>(p.qkv),
          .out = static_cast<T*>(p.out),
          .bias = p.bias.data,
          .tokens = static_cast<int>(p.tokens),
          .heads = static_cast<int>(p.heads),
          .head_dim = static_cast<int>(p.head_dim),
          .left = side_of(p.scores, false),
          .right = side_of(p.scores, true),
          .softmax_scale = p.softmax_scale,
          .softmax_scale_log2 = p.softmax_scale * std::numbers::log2e_v<float>,
          .causal = p.causal};
}

MatrixArgs matrix_of(const AttentionParams& p, const AttentionMatrix& m) {
  return {.data = m.data,
          .batch_stride = m.batch_stride,
          .head_stride = m.head_stride,
          .row_stride = m.row_stride != 0 ? m.row_stride : p.tokens};
}

template <typename T>
GeneralArgs<T> general_args_of(const AttentionParams& p) {
  const int softmaxes = count_softmaxes(p.scores);
  return {args_of<T>(p),
          matrix_of(p, p.bias),
          matrix_of(p, p.added),
          p.window_scales,
          static_cast<const T*>(p.values != nullptr ? p.values : p.qkv),
          p.probabilities,
          p.softmax_weight,
          p.added_weight,
          softmaxes,
          has_products(p.scores) ? softmaxes : 0,
          p.mean_of_heads,
          p.accumulate};
}

// The mean of the heads has one block go through all of them.
dim3 grid_of(const AttentionParams& p, int rows) {
  return {grid_size(ceil_div(p.tokens, rows)), p.mean_of_heads ? 1 : static_cast<unsigned>(p.heads),
          static_cast<unsigned>(p.batch)};
}

template <typename T>
void launch_simt(const AttentionParams& p, CudaQueue queue) {
  const bool general = is_general(p);
  const size_t shared = simt_shared_bytes(static_cast<int>(p.head_dim), general);
  const int vector = simt_vector(p.head_dim, general);
  const auto launch = [&](auto kernel, const auto& args) {
    allow_shared_memory(kernel, shared, queue);
    kernel<<<grid_of(p, simt_rows(vector)), 32 * simt_warps(vector), shared, queue.stream>>>(args,
                                                                                             count_softmaxes(p.scores));
  };
  if (general) {
    const GeneralArgs<T> args = general_args_of<T>(p);
    if (vector == 2) return launch(attention_simt_kernel<T, 2, true>, args);
    return launch(attention_simt_kernel<T, 8, true>, args);
  }
  const AttentionArgs<T> args = args_of<T>(p);
  switch (vector) {
    case 2: return launch(attention_simt_kernel<T, 2, false>, args);
    case 4: return launch(attention_simt_kernel<T, 4, false>, args);
    default: return launch(attention_simt_kernel<T, 8, false>, args);
  }
}

template <typename T>
void launch_two_pass(const AttentionParams& p, int dim, CudaQueue queue) {
  const GeneralArgs<T> args = general_args_of<T>(p);
  const size_t shared = attention_two_pass_shared_bytes(dim, p.scores);
  const auto launch = [&](auto kernel) {
    allow_shared_memory(kernel, shared, queue);
    kernel<<<grid_of(p, kAttentionRows), kAttentionThreads, shared, queue.stream>>>(args);
  };
  if (dim == 64) return launch(attention_two_pass_kernel<T, 64>);
  launch(attention_two_pass_kernel<T, 128>);
}

template <typename T, int kDim>
void launch_tensor(const AttentionParams& p, AttentionKernel kernel, CudaQueue queue) {
  const AttentionArgs<T> args = args_of<T>(p);
  const auto launch = [&](auto function) {
    function<<<grid_of(p, kAttentionRows), kAttentionThreads, 0, queue.stream>>>(args);
  };
  const bool correlative = p.scores == AttentionScores::kCorrelative;
  if (kernel == AttentionKernel::kWholeRows) {
    launch(attention_whole_rows_kernel<T, kDim>);
  } else {
    launch(correlative ? attention_online_kernel<T, kDim, true> : attention_online_kernel<T, kDim, false>);
  }
}

template <typename T>
void launch_tensor(const AttentionParams& p, AttentionTile tile, CudaQueue queue) {
  if (tile.kernel == AttentionKernel::kTwoPass) return launch_two_pass<T>(p, tile.dim, queue);
  switch (tile.dim) {
    case 32: return launch_tensor<T, 32>(p, tile.kernel, queue);
    case 64: return launch_tensor<T, 64>(p, tile.kernel, queue);
    case 80: return launch_tensor<T, 80>(p, tile.kernel, queue);
    case 96: return launch_tensor<T, 96>(p, tile.kernel, queue);
    case 128: return launch_tensor<T, 128>(p, tile.kernel, queue);
    default: fail(ErrorCode::kInternal, "attention has no tile for head_dim ", tile.dim);
  }
}

// MaskCLIP: every token keeps its own value.
void copy_values(const AttentionParams& p, CudaQueue queue) {
  const size_t width = static_cast<size_t>(p.heads * p.head_dim) * size_of(p.dtype);
  const cudaError_t error =
      cudaMemcpy2DAsync(p.out, width, static_cast<const char*>(p.qkv) + 2 * width, 3 * width, width,
                        static_cast<size_t>(p.batch * p.tokens), cudaMemcpyDeviceToDevice, queue.stream);
  SCLIP_CHECK(error == cudaSuccess, kDevice, "attention could not copy ", p.batch * p.tokens, " rows of values of ",
              width, " bytes: ", cudaGetErrorString(error));
}

}  // namespace

void attention_cuda(const AttentionParams& p, CudaQueue queue) {
  check_params(p);
  SCLIP_CHECK(p.tokens * 3 * p.heads * p.head_dim < int64_t{1} << 31, kUnsupported, "attention: ", p.tokens,
              " tokens of ", p.heads, "×", p.head_dim, " are more than 32-bit offsets reach");
  SCLIP_CHECK(p.batch <= 65535 && p.heads <= 65535, kUnsupported, "attention: a batch of ", p.batch, " with ", p.heads,
              " heads; a CUDA grid holds 65535 of each");
  if (p.batch == 0) return;
  const bool aligned = is_aligned(p.qkv, 16) && is_aligned(p.values, 16) && is_aligned(p.out, 16);
  const AttentionTile tile = choose_attention_tile(p, aligned, queue);
  if (tile.kernel == AttentionKernel::kCopy) return copy_values(p, queue);
  with_element(p.dtype, [&](auto element) {
    using T = decltype(element);
    if constexpr (sizeof(T) == 2) {
      if (tile.kernel != AttentionKernel::kSimt) return launch_tensor<T>(p, tile, queue);
    }
    launch_simt<T>(p, queue);
  });
  check_launch("attention", p.batch, " × ", p.tokens, " tokens, ", p.heads, " heads of ", p.head_dim, ", ",
               to_string(p.dtype), p.causal ? ", causal" : "", p.bias.data != nullptr ? ", with bias" : "");
}

}  // namespace sclip
