#include "ptx/types.h"

#include <array>

namespace cudasim {

namespace {
struct TypeName {
  const char* name;
  Type type;
};
constexpr TypeName kTypeNames[] = {
    {"pred", Type::kPred}, {"b8", Type::kB8},   {"u8", Type::kU8},   {"s8", Type::kS8},       {"b16", Type::kB16},
    {"u16", Type::kU16},   {"s16", Type::kS16}, {"f16", Type::kF16}, {"bf16", Type::kBF16},   {"b32", Type::kB32},
    {"u32", Type::kU32},   {"s32", Type::kS32}, {"f32", Type::kF32}, {"f16x2", Type::kF16x2}, {"bf16x2", Type::kBF16x2},
    {"tf32", Type::kTF32}, {"b64", Type::kB64}, {"u64", Type::kU64}, {"s64", Type::kS64},     {"f64", Type::kF64},
    {"b128", Type::kB128}};

constexpr const char* kModNames[] = {
#define X(n) #n,
    CUDASIM_MODS(X)
#undef X
        "const",
    "shared::cta",
    "shared::cluster",
    "L1::evict_normal",
    "L1::evict_unchanged",
    "L1::evict_first",
    "L1::evict_last",
    "L1::no_allocate",
    "L2::64B",
    "L2::128B",
    "L2::256B",
    "L2::cache_hint",
    "L2::evict_last",
    "L2::evict_normal",
    "level::eviction_priority",
    "tso",
    "mbarrier::complete_tx::bytes"};
}  // namespace

Type type_from_name(std::string_view name) {
  for (const TypeName& t : kTypeNames)
    if (name == t.name) return t.type;
  return Type::kNone;
}

const char* type_name(Type t) {
  for (const TypeName& n : kTypeNames)
    if (n.type == t) return n.name;
  return "none";
}

const char* mod_name(Mod m) {
  static const auto names = [] {
    std::array<std::string, unsigned(Mod::kCount)> out;
    for (unsigned i = 0; i < out.size(); ++i) {
      out[i] = kModNames[i];
      if (!out[i].empty() && out[i].back() == '_') out[i].pop_back();
    }
    return out;
  }();
  return names[unsigned(m)].c_str();
}

}  // namespace cudasim
