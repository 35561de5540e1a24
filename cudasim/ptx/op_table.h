// The one table of opcodes. It drives the parser, the generated list of supported forms and the conformance tests.
//
// A pattern is an opcode followed by modifier groups: `.x` is required, `[.x|.y]` optional, `(.x|.y)` one of them.
// Operand letters, separated by spaces ('?' before a letter: may be absent; `d|p`: the part after '|' may be absent):
//   d dest, a source, of the first type      x source of the second type          w/W dest/source of double width
//   D dest, S/Y source of first/second type, register may be wider; D and S may be {vectors}
//   u 32-bit source   U 64-bit source   i immediate   p/q predicate dest/source   m [address]   l label or function   r
//   {registers} t [tensor map, {coordinates}]
#pragma once
#include <string>
#include <vector>

#include "ptx/types.h"

namespace cudasim {

enum class Op : uint8_t {
  kAdd,
  kSub,
  kMul,
  kMulHi,
  kMulWide,
  kMad,
  kMadHi,
  kMadWide,
  kMul24,
  kMad24,
  kSad,
  kDiv,
  kRem,
  kAbs,
  kNeg,
  kMin,
  kMax,
  kAddCc,
  kAddC,
  kSubCc,
  kSubC,
  kMadCc,
  kMadC,
  kAnd,
  kOr,
  kXor,
  kNot,
  kCnot,
  kShl,
  kShr,
  kShf,
  kLop3,
  kPrmt,
  kBfe,
  kBfi,
  kBfind,
  kPopc,
  kClz,
  kBrev,
  kBmsk,
  kSzext,
  kDp4a,
  kDp2a,
  kFma,
  kRcp,
  kSqrt,
  kRsqrt,
  kSin,
  kCos,
  kLg2,
  kEx2,
  kTanh,
  kCopysign,
  kTestp,
  kSetp,
  kSet,
  kSelp,
  kSlct,
  kMov,
  kCvt,
  kCvtPack2,
  kCvta,
  kIsspacep,
  kLd,
  kSt,
  kPrefetch,
  kAtom,
  kRed,
  kCpAsync,
  kCpAsyncCommit,
  kCpAsyncWait,
  kCpAsyncWaitAll,
  kLdmatrix,
  kStmatrix,
  kMovmatrix,
  kMma,
  kShfl,
  kVote,
  kMatch,
  kRedux,
  kActivemask,
  kBar,
  kBarRed,
  kBarArrive,
  kBarWarp,
  kFence,
  kBra,
  kBrx,
  kCall,
  kRet,
  kExit,
  kTrap,
  kNop,
  kReadClock,
  kMovLocal,
  kMbarInit,
  kMbarInval,
  kMbarArrive,
  kMbarWait,
  kMbarPending,
  kMbarInitFence,
  kProxyFence,
  kMapPrefetch,
  kTensorLoad,
  kTensorStore,
  kBulkCommit,
  kBulkWait,
  kMaxRegisters,
  kWgmma,
  kWgmmaFence,
  kWgmmaCommit,
  kWgmmaWait,
  kCount
};

// Instruction classes of the counters.
enum class OpClass : uint8_t {
  kInt,
  kFloat,
  kHalf,
  kDouble,
  kConvert,
  kMove,
  kCompare,
  kControl,
  kWarp,
  kSync,
  kGlobal,
  kShared,
  kLocal,
  kParam,
  kAtomic,
  kAsync,
  kMatrix,
  kSpecial,
  kCount
};
const char* op_class_name(OpClass c);

struct OpRow {
  const char* pattern;
  const char* operands;
  Op op;
  OpClass cls;
};

struct ModGroup {
  bool optional = false;
  std::vector<std::string> words;  // without dots
};

struct OpForm {  // a row with its pattern taken apart
  const OpRow* row = nullptr;
  std::string opcode;
  std::vector<ModGroup> groups;
};

const std::vector<OpForm>& op_forms();

// The words after the opcode, matched against the rows of that opcode; nullptr if none fits.
const OpForm* match_form(std::string_view opcode, const std::vector<std::string_view>& words);
bool opcode_known(std::string_view opcode);

// Every concrete spelling of a form ("add.rn.ftz.f32"), for tests and the documentation.
std::vector<std::string> expand_form(const OpForm& form);

bool find_mod(std::string_view word, Mod* out);

}  // namespace cudasim
