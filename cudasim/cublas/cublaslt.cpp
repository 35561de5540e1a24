// libcublasLt: descriptors, heuristics, matmul.
#include <cublasLt.h>

#include <algorithm>
#include <cstring>

#include "cublas/gemm.h"
#include "cublas/number.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim_blas;

namespace {

constexpr uint32_t kLayoutMagic = 0x4C617931, kDescMagic = 0x44657331, kPreferenceMagic = 0x50726631;
constexpr uint64_t kAlgoMagic = 0x43756461416C6731;
constexpr size_t kWorkspace = 1 << 20;  // what the stand-in's algorithm takes when it may
constexpr uint32_t kMaxAlignment = 16;  // of the widest loads
constexpr int kHandleMagic = 0x4C744831;

struct Layout {
  uint32_t magic;
  cudaDataType type;
  uint64_t rows, cols;
  int64_t ld, stride;
  int32_t batch, order;
};
static_assert(sizeof(Layout) <= sizeof(cublasLtMatrixLayoutOpaque_t));

struct Desc {
  uint32_t magic;
  cublasComputeType_t compute;
  cudaDataType scale;
  int32_t pointer_mode, trans_a, trans_b, trans_c, fill, epilogue, bias_type, sm_count;
  const void* bias;
  int64_t bias_stride;
  const void *scale_a, *scale_b;
  int32_t scale_mode_a, scale_mode_b;
  int8_t fast_accumulation;
};
static_assert(sizeof(Desc) <= sizeof(cublasLtMatmulDescOpaque_t));

struct Preference {
  uint32_t magic, search, reduction_mask, align_a, align_b, align_c, align_d;
  float waves;
  uint64_t workspace, impl_mask;
};
static_assert(sizeof(Preference) <= sizeof(cublasLtMatmulPreferenceOpaque_t));

// What a heuristic decided: the alignments it relies on, and the workspace it needs.
struct Algo {
  uint64_t magic;
  uint32_t align_a, align_b, align_c, align_d;
  uint64_t workspace;
};
static_assert(sizeof(Algo) <= sizeof(cublasLtMatmulAlgo_t));

template <class T, class Opaque>
T* checked(Opaque* p, uint32_t magic) {
  T* t = reinterpret_cast<T*>(p);
  return t && t->magic == magic ? t : nullptr;
}
Layout* layout_of(cublasLtMatrixLayout_t p) {
  return checked<Layout>(p, kLayoutMagic);
}
Desc* desc_of(cublasLtMatmulDesc_t p) {
  return checked<Desc>(p, kDescMagic);
}
Preference* preference_of(cublasLtMatmulPreference_t p) {
  return checked<Preference>(p, kPreferenceMagic);
}

struct Field {
  void* place;
  size_t bytes;
};

Field field(Layout& l, cublasLtMatrixLayoutAttribute_t a) {
  switch (a) {
    case CUBLASLT_MATRIX_LAYOUT_TYPE: return {&l.type, sizeof l.type};
    case CUBLASLT_MATRIX_LAYOUT_ORDER: return {&l.order, sizeof l.order};
    case CUBLASLT_MATRIX_LAYOUT_ROWS: return {&l.rows, sizeof l.rows};
    case CUBLASLT_MATRIX_LAYOUT_COLS: return {&l.cols, sizeof l.cols};
    case CUBLASLT_MATRIX_LAYOUT_LD: return {&l.ld, sizeof l.ld};
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: return {&l.batch, sizeof l.batch};
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: return {&l.stride, sizeof l.stride};
    default: return {nullptr, 0};
  }
}
Field field(Desc& d, cublasLtMatmulDescAttributes_t a) {
  switch (a) {
    case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE: return {&d.compute, sizeof d.compute};
    case CUBLASLT_MATMUL_DESC_SCALE_TYPE: return {&d.scale, sizeof d.scale};
    case CUBLASLT_MATMUL_DESC_POINTER_MODE: return {&d.pointer_mode, sizeof d.pointer_mode};
    case CUBLASLT_MATMUL_DESC_TRANSA: return {&d.trans_a, sizeof d.trans_a};
    case CUBLASLT_MATMUL_DESC_TRANSB: return {&d.trans_b, sizeof d.trans_b};
    case CUBLASLT_MATMUL_DESC_TRANSC: return {&d.trans_c, sizeof d.trans_c};
    case CUBLASLT_MATMUL_DESC_FILL_MODE: return {&d.fill, sizeof d.fill};
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return {&d.epilogue, sizeof d.epilogue};
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return {&d.bias, sizeof d.bias};
    case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE: return {&d.bias_stride, sizeof d.bias_stride};
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: return {&d.bias_type, sizeof d.bias_type};
    case CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET: return {&d.sm_count, sizeof d.sm_count};
    case CUBLASLT_MATMUL_DESC_FAST_ACCUM: return {&d.fast_accumulation, sizeof d.fast_accumulation};
    case CUBLASLT_MATMUL_DESC_A_SCALE_POINTER: return {&d.scale_a, sizeof d.scale_a};
    case CUBLASLT_MATMUL_DESC_B_SCALE_POINTER: return {&d.scale_b, sizeof d.scale_b};
    case CUBLASLT_MATMUL_DESC_A_SCALE_MODE: return {&d.scale_mode_a, sizeof d.scale_mode_a};
    case CUBLASLT_MATMUL_DESC_B_SCALE_MODE: return {&d.scale_mode_b, sizeof d.scale_mode_b};
    default: return {nullptr, 0};
  }
}
Field field(Preference& p, cublasLtMatmulPreferenceAttributes_t a) {
  switch (a) {
    case CUBLASLT_MATMUL_PREF_SEARCH_MODE: return {&p.search, sizeof p.search};
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return {&p.workspace, sizeof p.workspace};
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: return {&p.reduction_mask, sizeof p.reduction_mask};
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: return {&p.align_a, sizeof p.align_a};
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: return {&p.align_b, sizeof p.align_b};
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: return {&p.align_c, sizeof p.align_c};
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: return {&p.align_d, sizeof p.align_d};
    case CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT: return {&p.waves, sizeof p.waves};
    case CUBLASLT_MATMUL_PREF_IMPL_MASK: return {&p.impl_mask, sizeof p.impl_mask};
    default: return {nullptr, 0};
  }
}

template <class T, class A>
cublasStatus_t set(T* t, A attribute, const void* buf, size_t bytes, const char* call) {
  if (!t || !buf)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "the descriptor or the value is null or was never created.");
  const Field f = field(*t, attribute);
  if (!f.place) return unsupported(call, "attribute " + std::to_string(int(attribute)));
  if (bytes != f.bytes)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call,
                  "attribute " + std::to_string(int(attribute)) + " has " + std::to_string(f.bytes) + " bytes, " +
                      std::to_string(bytes) + " were given.");
  std::memcpy(f.place, buf, bytes);
  return CUBLAS_STATUS_SUCCESS;
}
template <class T, class A>
cublasStatus_t get(T* t, A attribute, void* buf, size_t bytes, size_t* written, const char* call) {
  if (!t || (!buf && bytes) || (!bytes && !written))
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call, "the descriptor or the buffer is null.");
  const Field f = field(*t, attribute);
  if (!f.place) return unsupported(call, "attribute " + std::to_string(int(attribute)));
  if (written) *written = f.bytes;
  if (bytes == 0) return CUBLAS_STATUS_SUCCESS;
  if (bytes < f.bytes)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, call,
                  "the buffer is too small for attribute " + std::to_string(int(attribute)) + ".");
  std::memcpy(buf, f.place, f.bytes);
  return CUBLAS_STATUS_SUCCESS;
}

template <class Opaque>
cublasStatus_t destroy(Opaque* p) {
  if (p) std::memset(static_cast<void*>(p), 0, sizeof *p);  // so that later use is noticed where memory allows
  delete p;
  return CUBLAS_STATUS_SUCCESS;
}

// ---- From descriptors to a product. Status and sentence of the first fault.
struct Fault {
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
  std::string text;
  bool missing = false;
};

bool describe(const Layout& l, Matrix* m) {
  m->type = l.type;
  m->row_order = l.order == CUBLASLT_ORDER_ROW;
  m->rows = int64_t(l.rows);
  m->cols = int64_t(l.cols);
  m->ld = l.ld;
  m->batch = l.batch;
  m->stride = l.stride;
  return l.order == CUBLASLT_ORDER_COL || l.order == CUBLASLT_ORDER_ROW;
}

// E4M3 times E4M3 as Hopper has it, with a scale for each row of D and one for each column.
Fault describe_fp8(const Desc& op, Gemm* g) {
  constexpr auto kOuter = CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F;
  int device = 0, major = 0, minor = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
  if (op.scale_mode_a != kOuter || op.scale_mode_b != kOuter)
    return {CUBLAS_STATUS_NOT_SUPPORTED, "e4m3 with scale modes other than CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F",
            true};
  if (major != 9 || minor != 0)
    return {CUBLAS_STATUS_NOT_SUPPORTED, "scales of rows and columns of e4m3 need compute capability 9.0, not " +
                                             std::to_string(major) + "." + std::to_string(minor) + "."};
  if (op.compute != CUBLAS_COMPUTE_32F)
    return {CUBLAS_STATUS_NOT_SUPPORTED, "e4m3 needs the compute type CUBLAS_COMPUTE_32F."};
  if (!g->trans_a || g->trans_b || g->a.row_order || g->b.row_order || g->d.row_order)
    return {CUBLAS_STATUS_NOT_SUPPORTED, "e4m3 needs A transposed and B not, all in CUBLASLT_ORDER_COL."};
  if (g->d.batch != 1) return {CUBLAS_STATUS_NOT_SUPPORTED, "a batch of e4m3 matrices", true};
  const auto whole = [](const Matrix& m) {
    return m.rows * int64_t(element_bytes(m.type)) % 16 == 0 && m.ld * int64_t(element_bytes(m.type)) % 16 == 0;
  };
  if (g->m() % 16 || g->k() % 16 || !whole(g->a) || !whole(g->b) || !whole(g->c) || !whole(g->d))
    return {
        CUBLAS_STATUS_NOT_SUPPORTED,
        "e4m3 needs m, k and leading dimensions that are multiples of 16 (bytes, where they are in memory), not m " +
            std::to_string(g->m()) + ", k " + std::to_string(g->k()) + "."};
  if (!op.scale_a || !op.scale_b)
    return {CUBLAS_STATUS_INVALID_VALUE,
            "CUBLASLT_MATMUL_DESC_A_SCALE_POINTER and CUBLASLT_MATMUL_DESC_B_SCALE_POINTER must be set."};
  g->scale_a = static_cast<const float*>(op.scale_a);
  g->scale_b = static_cast<const float*>(op.scale_b);
  return {};
}

// Of a product in E4M3 the bias is bf16, or f16 with a D of f16.
cudaDataType bias_type(const Gemm& g) {
  return g.a.type == CUDA_R_8F_E4M3 && g.d.type == CUDA_R_32F ? CUDA_R_16BF : g.d.type;
}

Fault describe(cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
               cublasLtMatrixLayout_t d, Gemm* g) {
  const Desc* op = desc_of(desc);
  const Layout *la = layout_of(a), *lb = layout_of(b), *lc = layout_of(c), *ld = layout_of(d);
  if (!op || !la || !lb || !lc || !ld)
    return {CUBLAS_STATUS_INVALID_VALUE, "a descriptor is null or was never created."};
  const bool orders = describe(*la, &g->a) & describe(*lb, &g->b) & describe(*lc, &g->c) & describe(*ld, &g->d);
  if (!orders)
    return {CUBLAS_STATUS_NOT_SUPPORTED, "a matrix order other than CUBLASLT_ORDER_COL and CUBLASLT_ORDER_ROW", true};
  switch (op->compute) {
    case CUBLAS_COMPUTE_32F:
    case CUBLAS_COMPUTE_32F_PEDANTIC: g->rounding = Rounding::kNone; break;
    case CUBLAS_COMPUTE_32F_FAST_TF32: g->rounding = Rounding::kTf32; break;
    case CUBLAS_COMPUTE_32F_FAST_16F: g->rounding = Rounding::kHalf; break;
    case CUBLAS_COMPUTE_32F_FAST_16BF: g->rounding = Rounding::kBfloat; break;
    default:
      return {CUBLAS_STATUS_NOT_SUPPORTED,
              "compute type " + std::to_string(int(op->compute)) + " (only the 32F ones are done)", true};
  }
  if (g->a.type != CUDA_R_32F) g->rounding = Rounding::kNone;
  if (op->scale != CUDA_R_32F)
    return {CUBLAS_STATUS_NOT_SUPPORTED, "the scale type must be CUDA_R_32F with an f32 compute type."};
  if (op->pointer_mode != CUBLASLT_POINTER_MODE_HOST && op->pointer_mode != CUBLASLT_POINTER_MODE_DEVICE)
    return {CUBLAS_STATUS_NOT_SUPPORTED, "pointer mode " + std::to_string(op->pointer_mode), true};
  if (op->trans_c != CUBLAS_OP_N) return {CUBLAS_STATUS_NOT_SUPPORTED, "TRANSC must be CUBLAS_OP_N."};
  if (op->fill != CUBLAS_FILL_MODE_FULL)
    return {CUBLAS_STATUS_NOT_SUPPORTED, "a fill mode other than CUBLAS_FILL_MODE_FULL", true};
  g->trans_a = op->trans_a != CUBLAS_OP_N;  // C means T for real numbers
  g->trans_b = op->trans_b != CUBLAS_OP_N;
  switch (op->epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT: break;
    case CUBLASLT_EPILOGUE_RELU: g->relu = true; break;
    case CUBLASLT_EPILOGUE_GELU: g->gelu = true; break;
    case CUBLASLT_EPILOGUE_BIAS: g->bias = true; break;
    case CUBLASLT_EPILOGUE_RELU_BIAS: g->relu = g->bias = true; break;
    case CUBLASLT_EPILOGUE_GELU_BIAS: g->gelu = g->bias = true; break;
    default: return {CUBLAS_STATUS_NOT_SUPPORTED, "epilogue " + std::to_string(op->epilogue), true};
  }
  if (const std::string fault = type_fault(*g); !fault.empty()) return {CUBLAS_STATUS_NOT_SUPPORTED, fault};
  if (g->a.type == CUDA_R_8F_E4M3) {
    if (const Fault fault = describe_fp8(*op, g); fault.status != CUBLAS_STATUS_SUCCESS) return fault;
  } else if (op->scale_a || op->scale_b || op->scale_mode_a || op->scale_mode_b) {
    return {CUBLAS_STATUS_INVALID_VALUE,
            std::string("scales are for 8-bit matrices, and A is ") + type_name(g->a.type) + "."};
  }
  if (g->bias) {
    g->bias_type = bias_type(*g);
    if (op->bias_type != -1 && op->bias_type != int(g->bias_type))
      return {CUBLAS_STATUS_NOT_SUPPORTED, std::string("the bias must be ") + type_name(g->bias_type) + " with A of " +
                                               type_name(g->a.type) + " and D of " + type_name(g->d.type) + "."};
    if (g->d.row_order)
      return {CUBLAS_STATUS_NOT_SUPPORTED, "a bias needs D in CUBLASLT_ORDER_COL; describe the transposed product."};
    g->pbias = op->bias;
    g->bias_stride = op->bias_stride;
  }
  if (const std::string fault = shape_fault(*g); !fault.empty()) return {CUBLAS_STATUS_INVALID_VALUE, fault};
  if (g->m() == 0 || g->n() == 0 || g->k() == 0) return {CUBLAS_STATUS_INVALID_VALUE, "a matrix is empty."};
  return {};
}

cublasStatus_t fail(const Fault& f, const char* call) {
  return f.missing ? unsupported(call, f.text) : refuse(f.status, call, f.text);
}

// The widest loads that leading dimension, batch stride and the promised alignment of the pointer allow.
uint32_t alignment(const Matrix& m, uint64_t promised) {
  const uint64_t size = element_bytes(m.type);
  uint64_t bits = promised | uint64_t(m.ld) * size | kMaxAlignment;
  if (m.batch > 1) bits |= uint64_t(m.stride) * size;
  return uint32_t(bits & (~bits + 1));
}

Algo choose(const Gemm& g, const Preference* p) {
  const auto promised = [&](uint32_t Preference::*field) { return p ? p->*field : 256u; };
  Algo a{};
  a.magic = kAlgoMagic;
  a.align_a = alignment(g.a, promised(&Preference::align_a));
  a.align_b = alignment(g.b, promised(&Preference::align_b));
  a.align_c = alignment(g.c, promised(&Preference::align_c));
  a.align_d = alignment(g.d, promised(&Preference::align_d));
  a.workspace = p && p->workspace >= kWorkspace ? kWorkspace : 0;
  return a;
}

std::string misaligned(const Gemm& g, const Algo& a) {
  const struct {
    const char* name;
    const void* p;
    uint32_t need;
  } all[] = {{"A", g.pa, a.align_a}, {"B", g.pb, a.align_b}, {"C", g.pc, a.align_c}, {"D", g.pd, a.align_d}};
  for (const auto& [name, p, need] : all)
    if (reinterpret_cast<uint64_t>(p) % need)
      return std::string("matrix ") + name + " is not aligned to the " + std::to_string(need) +
             " bytes that the algorithm was chosen for; state the alignment in the preference.";
  return {};
}

}  // namespace

API cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  if (!handle) return CUBLAS_STATUS_INVALID_VALUE;
  *handle = reinterpret_cast<cublasLtHandle_t>(new int(kHandleMagic));
  return CUBLAS_STATUS_SUCCESS;
}
API cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete reinterpret_cast<int*>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
API size_t cublasLtGetVersion() {
  return CUBLAS_VERSION;
}
API size_t cublasLtGetCudartVersion() {
  return CUDART_VERSION;
}

API cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t p, size_t bytes, cudaDataType type,
                                                     uint64_t rows, uint64_t cols, int64_t ld) {
  if (!p || bytes < sizeof(Layout)) return CUBLAS_STATUS_INVALID_VALUE;
  *reinterpret_cast<Layout*>(p) = Layout{kLayoutMagic, type, rows, cols, ld, 0, 1, CUBLASLT_ORDER_COL};
  return CUBLAS_STATUS_SUCCESS;
}
API cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* p, cudaDataType type, uint64_t rows,
                                              uint64_t cols, int64_t ld) {
  if (!p) return CUBLAS_STATUS_INVALID_VALUE;
  *p = new cublasLtMatrixLayoutOpaque_t{};
  return cublasLtMatrixLayoutInit_internal(*p, sizeof **p, type, rows, cols, ld);
}
API cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t p) {
  return destroy(p);
}
API cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t p, cublasLtMatrixLayoutAttribute_t a,
                                                    const void* buf, size_t bytes) {
  return set(layout_of(p), a, buf, bytes, "cublasLtMatrixLayoutSetAttribute");
}
API cublasStatus_t cublasLtMatrixLayoutGetAttribute(cublasLtMatrixLayout_t p, cublasLtMatrixLayoutAttribute_t a,
                                                    void* buf, size_t bytes, size_t* written) {
  return get(layout_of(p), a, buf, bytes, written, "cublasLtMatrixLayoutGetAttribute");
}

API cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t p, size_t bytes, cublasComputeType_t compute,
                                                   cudaDataType_t scale) {
  if (!p || bytes < sizeof(Desc)) return CUBLAS_STATUS_INVALID_VALUE;
  *reinterpret_cast<Desc*>(p) = Desc{kDescMagic,
                                     compute,
                                     scale,
                                     CUBLASLT_POINTER_MODE_HOST,
                                     CUBLAS_OP_N,
                                     CUBLAS_OP_N,
                                     CUBLAS_OP_N,
                                     CUBLAS_FILL_MODE_FULL,
                                     CUBLASLT_EPILOGUE_DEFAULT,
                                     -1,
                                     0,
                                     nullptr,
                                     0,
                                     nullptr,
                                     nullptr,
                                     CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F,
                                     CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F,
                                     0};
  return CUBLAS_STATUS_SUCCESS;
}
API cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* p, cublasComputeType_t compute,
                                            cudaDataType_t scale) {
  if (!p) return CUBLAS_STATUS_INVALID_VALUE;
  *p = new cublasLtMatmulDescOpaque_t{};
  return cublasLtMatmulDescInit_internal(*p, sizeof **p, compute, scale);
}
API cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t p) {
  return destroy(p);
}
API cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t p, cublasLtMatmulDescAttributes_t a,
                                                  const void* buf, size_t bytes) {
  return set(desc_of(p), a, buf, bytes, "cublasLtMatmulDescSetAttribute");
}
API cublasStatus_t cublasLtMatmulDescGetAttribute(cublasLtMatmulDesc_t p, cublasLtMatmulDescAttributes_t a, void* buf,
                                                  size_t bytes, size_t* written) {
  return get(desc_of(p), a, buf, bytes, written, "cublasLtMatmulDescGetAttribute");
}

API cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t p, size_t bytes) {
  if (!p || bytes < sizeof(Preference)) return CUBLAS_STATUS_INVALID_VALUE;
  *reinterpret_cast<Preference*>(p) = Preference{kPreferenceMagic, 0, ~0u, 256, 256, 256, 256, 0, 0, ~0ull};
  return CUBLAS_STATUS_SUCCESS;
}
API cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* p) {
  if (!p) return CUBLAS_STATUS_INVALID_VALUE;
  *p = new cublasLtMatmulPreferenceOpaque_t{};
  return cublasLtMatmulPreferenceInit_internal(*p, sizeof **p);
}
API cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p) {
  return destroy(p);
}
API cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p,
                                                        cublasLtMatmulPreferenceAttributes_t a, const void* buf,
                                                        size_t bytes) {
  return set(preference_of(p), a, buf, bytes, "cublasLtMatmulPreferenceSetAttribute");
}
API cublasStatus_t cublasLtMatmulPreferenceGetAttribute(cublasLtMatmulPreference_t p,
                                                        cublasLtMatmulPreferenceAttributes_t a, void* buf, size_t bytes,
                                                        size_t* written) {
  return get(preference_of(p), a, buf, bytes, written, "cublasLtMatmulPreferenceGetAttribute");
}

API cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                                  cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                                  cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                                  cublasLtMatmulPreference_t preference, int requested,
                                                  cublasLtMatmulHeuristicResult_t results[], int* count) {
  constexpr const char* kCall = "cublasLtMatmulAlgoGetHeuristic";
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!count || !results || requested < 1 || !preference_of(preference))
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kCall,
                  "a result pointer or the preference is null, or no algorithm is asked for.");
  *count = 0;
  Gemm g;
  if (const Fault f = describe(desc, a, b, c, d, &g); f.status != CUBLAS_STATUS_SUCCESS) return fail(f, kCall);
  const Algo algo = choose(g, preference_of(preference));
  if (g.a.type == CUDA_R_8F_E4M3 && std::min({algo.align_a, algo.align_b, algo.align_c, algo.align_d}) < kMaxAlignment)
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, kCall,
                  "e4m3 needs matrices aligned to 16 bytes; state it in the preference.");
  results[0] = cublasLtMatmulHeuristicResult_t{};
  std::memcpy(&results[0].algo, &algo, sizeof algo);
  results[0].workspaceSize = algo.workspace;
  results[0].state = CUBLAS_STATUS_SUCCESS;
  results[0].wavesCount = 1;
  *count = 1;
  return CUBLAS_STATUS_SUCCESS;
}

API cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                                           cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                           const cublasLtMatmulAlgo_t* algo, cublasLtMatmulHeuristicResult_t* result) {
  constexpr const char* kCall = "cublasLtMatmulAlgoCheck";
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  Algo chosen{};
  if (algo) std::memcpy(&chosen, algo, sizeof chosen);
  if (!result || chosen.magic != kAlgoMagic)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kCall,
                  "the algorithm does not come from cublasLtMatmulAlgoGetHeuristic.");
  Gemm g;
  if (const Fault f = describe(desc, a, b, c, d, &g); f.status != CUBLAS_STATUS_SUCCESS) return fail(f, kCall);
  *result = cublasLtMatmulHeuristicResult_t{};
  result->algo = *algo;
  result->workspaceSize = chosen.workspace;
  result->wavesCount = 1;
  return CUBLAS_STATUS_SUCCESS;
}

API cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void* alpha, const void* pa,
                                  cublasLtMatrixLayout_t a, const void* pb, cublasLtMatrixLayout_t b, const void* beta,
                                  const void* pc, cublasLtMatrixLayout_t c, void* pd, cublasLtMatrixLayout_t d,
                                  const cublasLtMatmulAlgo_t* algo, void* workspace, size_t workspace_bytes,
                                  cudaStream_t stream) {
  constexpr const char* kCall = "cublasLtMatmul";
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!alpha || !beta || !pa || !pb || !pd)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kCall, "alpha, beta, A, B or D is null.");
  Gemm g;
  g.call = kCall;
  g.pa = pa;
  g.pb = pb;
  g.pc = pc;
  g.pd = pd;
  if (const Fault f = describe(desc, a, b, c, d, &g); f.status != CUBLAS_STATUS_SUCCESS) return fail(f, kCall);
  if (desc_of(desc)->pointer_mode == CUBLASLT_POINTER_MODE_HOST) {
    g.alpha = *static_cast<const float*>(alpha);
    g.beta = *static_cast<const float*>(beta);
  } else {
    g.device_alpha = static_cast<const float*>(alpha);
    g.device_beta = static_cast<const float*>(beta);
  }
  if (!pc && (g.device_beta || g.beta != 0))
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kCall, "beta is not zero but C is null.");
  if (g.bias && !g.pbias)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kCall,
                  "the epilogue has a bias but CUBLASLT_MATMUL_DESC_BIAS_POINTER is not set.");
  Algo chosen = choose(g, nullptr);
  if (!algo) {  // the library's own choice takes any alignment
    chosen.align_a = chosen.align_b = uint32_t(element_bytes(g.a.type));
    chosen.align_c = chosen.align_d = uint32_t(element_bytes(g.d.type));
    if (g.a.type == CUDA_R_8F_E4M3) chosen.align_a = chosen.align_b = chosen.align_c = chosen.align_d = kMaxAlignment;
  } else {
    std::memcpy(&chosen, algo, sizeof chosen);
    if (chosen.magic != kAlgoMagic)
      return refuse(CUBLAS_STATUS_INVALID_VALUE, kCall,
                    "the algorithm does not come from cublasLtMatmulAlgoGetHeuristic.");
  }
  if (const std::string fault = misaligned(g, chosen); !fault.empty())
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, kCall, fault);
  if (workspace_bytes < chosen.workspace)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kCall,
                  "the algorithm needs a workspace of " + std::to_string(chosen.workspace) + " bytes, " +
                      std::to_string(workspace_bytes) + " were given.");
  if (workspace_bytes && (!workspace || reinterpret_cast<uint64_t>(workspace) % 16))
    return refuse(CUBLAS_STATUS_INVALID_VALUE, kCall, "the workspace is null or not aligned to 16 bytes.");
  g.workspace = workspace;
  g.workspace_bytes = workspace_bytes;
  return enqueue_gemm(g, stream);
}
