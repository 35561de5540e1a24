// A PTX module after the front end: functions of pre-decoded instructions whose registers are byte offsets into the
// register frame of a warp and whose labels are instruction indices.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "ptx/lexer.h"
#include "ptx/op_table.h"
#include "ptx/types.h"

namespace cudasim {

struct Warp;
struct Instr;
struct Function;
using ExecFn = void (*)(Warp&, const Instr&);

// Address windows of generic pointers to spaces that have no host memory behind their address.
constexpr uint64_t kSharedWindow = 0x0100'0000'0000'0000;
constexpr uint64_t kLocalWindow = 0x0200'0000'0000'0000;
constexpr uint64_t kFunctionWindow = 0x0300'0000'0000'0000;
constexpr uint64_t kParamWindow = 0x0400'0000'0000'0000;
constexpr uint64_t kWindowMask = 0xFF00'0000'0000'0000;

struct Instr {
  ExecFn fn = nullptr;
  uint32_t guard = 0;  // slot of the guard predicate; 0: none
  bool guard_neg = false;
  bool aligned = false;   // of barriers: all lanes of the warp must execute it together
  bool neg_pred = false;  // the predicate source is written with '!'
  Op op = Op::kNop;
  OpClass cls = OpClass::kInt;
  Type type = Type::kNone, type2 = Type::kNone;
  Space space = Space::kGeneric;
  uint8_t vec = 1;
  // Slots: dest, second dest, sources. A slot holds 32 lanes of the register's size, or one lane mask for a predicate.
  uint32_t d = 0, d2 = 0, a = 0, b = 0, c = 0, e = 0;
  uint8_t d_size = 0, a_size = 0, b_size = 0, c_size = 0;
  uint32_t aux = 0;     // first index into Function::slots (vectors), or into calls / branch tables
  uint32_t target = 0;  // branch target
  int64_t imm = 0;      // address offset or immediate
  int64_t imm2 = 0;     // offset of a second address
  ModSet mods;
  uint32_t line = 0;  // PTX line
  uint32_t loc = 0;   // index + 1 into Function::locs
};

// N of m64nNk16.
inline unsigned wgmma_columns(const Instr& in) {
  for (unsigned i = 0; i < 32; ++i)
    if (in.mods.has(Mod(unsigned(Mod::k_m64n8k16) + i))) return 8 * (i + 1);
  return 0;
}

struct SourceLoc {
  uint32_t file = 0, line = 0, inlined_file = 0, inlined_line = 0;
};

enum class Special : uint8_t {
  kTidX,
  kTidY,
  kTidZ,
  kNtidX,
  kNtidY,
  kNtidZ,
  kCtaidX,
  kCtaidY,
  kCtaidZ,
  kNctaidX,
  kNctaidY,
  kNctaidZ,
  kLaneid,
  kWarpid,
  kNwarpid,
  kLanemaskEq,
  kLanemaskLe,
  kLanemaskLt,
  kLanemaskGe,
  kLanemaskGt,
  kSmid,
  kNsmid,
  kGridid,
  kDynamicSmemSize,
  kTotalSmemSize,
  kGridWorkspaceHigh,
  kGridWorkspaceLow,
  kDynShared,
  kLocalBase,
  kZero
};

struct SpecialUse {
  Special kind;
  uint32_t slot;
  uint8_t size;
  int64_t offset;  // added to the value (symbols relative to a run-time base)
};

struct Constant {
  uint32_t slot;
  uint8_t size;  // 1: predicate
  uint64_t bits;
};

enum class Builtin : uint8_t { kNone, kVprintf, kAssertFail, kMalloc, kFree, kUndefined };

struct ParamVar {
  std::string name;
  uint32_t offset = 0, size = 0, align = 1;
};

struct CallInfo {
  Function* callee = nullptr;  // null for indirect calls
  uint32_t pointer_slot = 0;
  std::vector<ParamVar> args, rets;  // places in the caller's local memory
};

struct LaunchBounds {
  uint32_t maxntid = 0, reqntid = 0, minnctapersm = 0, maxnreg = 0;
};

struct Function {
  std::string name;
  bool is_entry = false;
  Builtin builtin = Builtin::kNone;
  uint32_t index = 0;
  std::vector<ParamVar> params, rets;
  uint32_t param_bytes = 0;  // of an entry
  LaunchBounds bounds;
  bool uses_dynamic_shared = false;
  bool has_calls = false;
  uint32_t static_shared = 0;  // bytes
  uint32_t dyn_shared_align = 16;
  uint32_t local_bytes = 0;  // per lane: params of functions, .local variables, call parameters
  uint32_t frame_bytes = 0;  // register file of one warp
  uint32_t reg32_count = 0;  // number of declared 32-bit register equivalents
  std::vector<Instr> code;
  std::vector<uint32_t> slots;
  std::vector<CallInfo> calls;
  std::vector<std::vector<uint32_t>> branch_tables;
  std::vector<SpecialUse> specials;
  std::vector<Constant> constants;
  std::vector<SourceLoc> locs;
  // The undecoded body.
  size_t body_begin = 0, body_end = 0;
  bool has_body = false, decoded = false;
};

struct GlobalVar {
  std::string name;
  Space space = Space::kGlobal;
  uint64_t size = 0, align = 1, address = 0;
  std::vector<uint8_t> init;
  struct Reloc {
    uint64_t offset;
    std::string symbol;
    int64_t addend;
    uint8_t size;
  };
  std::vector<Reloc> relocs;
};

// What the module needs from its surroundings.
struct ModuleHooks {
  virtual ~ModuleHooks() = default;
  virtual uint64_t allocate_global(const GlobalVar& var) = 0;
  virtual void write_global(uint64_t address, const void* data, size_t bytes) = 0;
  virtual ExecFn select(const Instr& in) = 0;  // null: the interpreter has no code for this instruction
};

class Module {
 public:
  Module(std::string text, ModuleHooks* hooks);
  // A kernel by its mangled name, decoded on first use; null if the module has none of that name.
  Function* entry(const std::string& name);
  Function* function_at(uint64_t pointer);  // for indirect calls; null if the pointer is none
  const GlobalVar* global(const std::string& name) const;
  const std::vector<std::unique_ptr<Function>>& functions() const { return functions_; }
  std::string source_of(const SourceLoc& loc) const;  // "file.cu:12" or ""
  const std::string& target() const { return target_; }
  void decode(Function* f);

 private:
  friend class Parser;
  friend class FunctionDecoder;
  std::string text_;
  std::vector<Token> tokens_;
  ModuleHooks* hooks_;
  std::string target_;
  std::vector<std::unique_ptr<Function>> functions_;
  std::unordered_map<std::string, Function*> function_by_name_;
  std::deque<GlobalVar> globals_;
  std::unordered_map<std::string, GlobalVar*> global_by_name_;
  struct SharedVar {
    uint32_t offset = 0, align = 1;
    bool dynamic = false;
  };
  std::unordered_map<std::string, SharedVar> shared_;  // module-level
  uint32_t module_shared_bytes_ = 0;
  std::map<uint32_t, std::string> files_;
  std::recursive_mutex mutex_;
};

// "line 12 of the PTX of kernel k" helper for errors.
[[noreturn]] void ptx_error(uint32_t line, const std::string& where, const std::string& what);

}  // namespace cudasim
