// The vocabulary shared by the front end and the interpreter: PTX types, state spaces, modifiers.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cudasim {

enum class Type : uint8_t {
  kNone,
  kPred,
  kB8,
  kU8,
  kS8,
  kB16,
  kU16,
  kS16,
  kF16,
  kBF16,
  kB32,
  kU32,
  kS32,
  kF32,
  kF16x2,
  kBF16x2,
  kTF32,
  kB64,
  kU64,
  kS64,
  kF64,
  kB128
};

constexpr unsigned type_size(Type t) {
  if (t == Type::kNone || t == Type::kPred) return 4;
  if (t <= Type::kS8) return 1;
  if (t <= Type::kBF16) return 2;
  if (t <= Type::kTF32) return 4;
  if (t <= Type::kF64) return 8;
  return 16;
}
constexpr bool is_signed(Type t) {
  return t == Type::kS8 || t == Type::kS16 || t == Type::kS32 || t == Type::kS64;
}
constexpr bool is_float(Type t) {
  return t == Type::kF16 || t == Type::kBF16 || t == Type::kF32 || t == Type::kF16x2 || t == Type::kBF16x2 ||
         t == Type::kTF32 || t == Type::kF64;
}
Type type_from_name(std::string_view name);  // "f32" -> kF32; kNone when it is no type
const char* type_name(Type t);

enum class Space : uint8_t { kGeneric, kGlobal, kShared, kConst, kLocal, kParam };

// Every modifier word of the opcode table that is not a type. The list names the enumerators and their spelling.
// clang-format off
#define CUDASIM_MODS(X)                                                                                               \
  X(rn) X(rz) X(rm) X(rp) X(rni) X(rzi) X(rmi) X(rpi) X(rna) X(ftz) X(sat) X(satfinite) X(relu) X(approx) X(full)     \
  X(lo) X(hi) X(wide) X(cc) X(l) X(r) X(wrap) X(clamp) X(shiftamt) X(f4e) X(b4e) X(rc8) X(ecl) X(ecr) X(rc16) X(eq)   \
  X(ne) X(lt) X(le) X(gt) X(ge) X(ls) X(hs) X(equ) X(neu) X(ltu) X(leu) X(gtu) X(geu) X(num) X(nan) X(NaN)            \
  X(xorsign) X(abs) X(and_) X(or_) X(xor_) X(popc) X(to) X(global) X(shared) X(local) X(param) X(nc) X(volatile_)     \
  X(relaxed) X(acquire) X(release) X(acq_rel) X(sc) X(weak) X(mmio) X(cta) X(cluster) X(gpu) X(sys) X(gl) X(ca)       \
  X(cg) X(cs) X(lu) X(cv) X(wb) X(wt) X(v2) X(v4) X(add) X(inc) X(dec) X(min) X(max) X(cas) X(exch) X(noftz) X(sync)  \
  X(aligned) X(up) X(down) X(bfly) X(idx) X(all) X(any) X(uni) X(ballot) X(warp) X(red) X(arrive) X(async)            \
  X(commit_group) X(wait_group) X(wait_all) X(m8n8) X(x1) X(x2) X(x4) X(trans) X(m16n8k16) X(m16n8k8) X(m16n8k4)      \
  X(row) X(col) X(finite) X(infinite) X(number) X(notanumber) X(normal) X(subnormal) X(L1) X(L2) X(level) X(proxy)    \
  X(alias) X(init) X(inval) X(arrive_drop) X(noComplete) X(test_wait) X(try_wait) X(parity) X(pending_count)          \
  X(expect_tx) X(mbarrier_init) X(tensormap) X(bulk) X(tensor) X(2d) X(tile) X(bulk_group) X(read) X(reduce)          \
  X(mma_async) X(fence)                                                                                               \
  X(m64n8k16) X(m64n16k16) X(m64n24k16) X(m64n32k16) X(m64n40k16) X(m64n48k16) X(m64n56k16) X(m64n64k16)              \
  X(m64n72k16) X(m64n80k16) X(m64n88k16) X(m64n96k16) X(m64n104k16) X(m64n112k16) X(m64n120k16) X(m64n128k16)         \
  X(m64n136k16) X(m64n144k16) X(m64n152k16) X(m64n160k16) X(m64n168k16) X(m64n176k16) X(m64n184k16) X(m64n192k16)     \
  X(m64n200k16) X(m64n208k16) X(m64n216k16) X(m64n224k16) X(m64n232k16) X(m64n240k16) X(m64n248k16) X(m64n256k16)
// clang-format on

enum class Mod : uint8_t {
#define X(n) k_##n,
  CUDASIM_MODS(X)
#undef X
  // Words that are no C++ identifiers or clash with keywords.
  k_const,
  k_shared_cta,
  k_shared_cluster,
  k_L1_evict_normal,
  k_L1_evict_unchanged,
  k_L1_evict_first,
  k_L1_evict_last,
  k_L1_no_allocate,
  k_L2_64B,
  k_L2_128B,
  k_L2_256B,
  k_L2_cache_hint,
  k_L2_evict_last,
  k_L2_evict_normal,
  k_level_eviction,
  k_tso_release,
  k_mbarrier_complete_tx_bytes,
  kCount
};
const char* mod_name(Mod m);

struct ModSet {
  uint64_t w[4] = {};
  void set(Mod m) { w[unsigned(m) / 64] |= 1ull << (unsigned(m) % 64); }
  bool has(Mod m) const { return w[unsigned(m) / 64] >> (unsigned(m) % 64) & 1; }
};
static_assert(unsigned(Mod::kCount) <= 256);

// An error in the program under test that stops the module or launch; the text is a whole sentence.
struct SimError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace cudasim
