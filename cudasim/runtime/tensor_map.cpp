// cuTensorMapEncodeTiled, which programs ask the runtime for: the driver is not linked. Its argument checks are those
// of CUDA's documentation, and each refusal says what is wrong.
#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstring>
#include <string>

#include "runtime/access.h"
#include "runtime/stream.h"
#include "sim/tensor_map.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim;

namespace {

uint8_t element_bytes(CUtensorMapDataType type) {
  switch (type) {
    case CU_TENSOR_MAP_DATA_TYPE_UINT8: return 1;
    case CU_TENSOR_MAP_DATA_TYPE_UINT16:
    case CU_TENSOR_MAP_DATA_TYPE_FLOAT16:
    case CU_TENSOR_MAP_DATA_TYPE_BFLOAT16: return 2;
    case CU_TENSOR_MAP_DATA_TYPE_UINT32:
    case CU_TENSOR_MAP_DATA_TYPE_INT32:
    case CU_TENSOR_MAP_DATA_TYPE_FLOAT32: return 4;
    case CU_TENSOR_MAP_DATA_TYPE_UINT64:
    case CU_TENSOR_MAP_DATA_TYPE_INT64:
    case CU_TENSOR_MAP_DATA_TYPE_FLOAT64: return 8;
    default: return 0;
  }
}

CUresult refuse(Check check, const std::string& why) {
  Finding f;
  f.check = check;
  f.text = "cuTensorMapEncodeTiled: " + why;
  report(std::move(f));
  return check == Check::kUnsupported ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
}

std::string number(uint64_t v) {
  return std::to_string(v);
}

CUresult encode(CUtensorMap* to, CUtensorMapDataType type, cuuint32_t rank, void* address, const cuuint64_t* extents,
                const cuuint64_t* strides, const cuuint32_t* box, const cuuint32_t* steps,
                CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle, CUtensorMapL2promotion promotion,
                CUtensorMapFloatOOBfill fill) {
  TensorMap map;
  map.element = element_bytes(type);
  map.is_f32 = type == CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  if (map.element == 0 || interleave != CU_TENSOR_MAP_INTERLEAVE_NONE || fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE ||
      (swizzle != CU_TENSOR_MAP_SWIZZLE_NONE && swizzle != CU_TENSOR_MAP_SWIZZLE_128B))
    return refuse(Check::kUnsupported,
                  "cudasim makes maps of plain types without interleaving, with no swizzle or the 128-byte one, filled "
                  "with zeros.");
  if (promotion < CU_TENSOR_MAP_L2_PROMOTION_NONE || promotion > CU_TENSOR_MAP_L2_PROMOTION_L2_256B)
    return refuse(Check::kTensorMap, "there is no L2 promotion " + number(promotion) + ".");
  if (reinterpret_cast<uintptr_t>(to) % 64 != 0)
    return refuse(Check::kMisaligned, "the map must be aligned to 64 bytes.");
  if (rank < 1 || rank > 5)
    return refuse(Check::kTensorMap, "1 to 5 dimensions are allowed, not " + number(rank) + ".");
  map.rank = uint8_t(rank);
  map.address = address_bits(address);
  if (map.address % 16 != 0) return refuse(Check::kMisaligned, "the global address must be aligned to 16 bytes.");
  for (cuuint32_t i = 0; i < rank; ++i) {
    const std::string of = " of dimension " + number(i);
    if (extents[i] == 0 || extents[i] > 1ull << 32)
      return refuse(Check::kTensorMap, "the extent" + of + " is " + number(extents[i]) + "; 1 to 2^32 are allowed.");
    if (box[i] == 0 || box[i] > 256)
      return refuse(Check::kTensorMap, "the box has " + number(box[i]) + " elements" + of + "; 1 to 256 are allowed.");
    if (steps[i] == 0 || steps[i] > 8)
      return refuse(Check::kTensorMap, "the element stride" + of + " is " + number(steps[i]) + "; 1 to 8 are allowed.");
    if (steps[i] != 1 && i > 0) return refuse(Check::kUnsupported, "cudasim takes element strides of 1 only.");
    map.extent[i] = extents[i];
    map.box[i] = uint16_t(box[i]);
    if (i == 0) continue;
    const uint64_t stride = strides[i - 1], least = i == 1 ? extents[0] * map.element : extents[i - 1] * strides[i - 2];
    if (stride % 16 != 0 || stride >= 1ull << 40)
      return refuse(Check::kMisaligned, "the stride" + of + " is " + number(stride) +
                                            " bytes; it must be a multiple of 16 and below 2^40.");
    if (stride < least)
      return refuse(Check::kTensorMap, "the stride" + of + " is " + number(stride) + " bytes, less than the " +
                                           number(least) + " of the dimension below.");
    map.stride[i - 1] = stride;
  }
  if (map.inner_bytes() % 16 != 0)
    return refuse(Check::kTensorMap,
                  "rows of the box have " + number(map.inner_bytes()) + " bytes, which is no multiple of 16.");
  if (swizzle == CU_TENSOR_MAP_SWIZZLE_128B) {
    map.swizzle = Swizzle::k128;
    if (map.inner_bytes() > 128)
      return refuse(Check::kTensorMap,
                    "rows of the box have " + number(map.inner_bytes()) + " bytes; the 128-byte swizzle takes 128.");
  }
  map.checksum = map.sum();
  std::memset(to, 0, sizeof *to);
  std::memcpy(to, &map, sizeof map);
  return CUDA_SUCCESS;
}

}  // namespace

static_assert(sizeof(TensorMap) <= sizeof(CUtensorMap));

API cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned, unsigned long long,
                                                 cudaDriverEntryPointQueryResult* result) {
  if (!symbol || !function) return set_error(cudaErrorInvalidValue);
  const bool known = std::strcmp(symbol, "cuTensorMapEncodeTiled") == 0;
  *function = known ? reinterpret_cast<void*>(&encode) : nullptr;
  if (result) *result = known ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  if (!known) {
    Finding f;
    f.check = Check::kUnsupported;
    f.text = std::string("cudaGetDriverEntryPointByVersion: cudasim has no ") + symbol + ".";
    report(std::move(f));
  }
  return set_error(cudaSuccess);
}
API cudaError_t cudaGetDriverEntryPointByVersion_ptsz(const char* symbol, void** function, unsigned version,
                                                      unsigned long long flags,
                                                      cudaDriverEntryPointQueryResult* result) {
  return cudaGetDriverEntryPointByVersion(symbol, function, version, flags, result);
}
