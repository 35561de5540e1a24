// One operand: a register, an immediate, a special register, a symbol, an address or a vector.
#include <algorithm>
#include <cstring>

#include "ptx/decoder.h"

namespace cudasim {

namespace {

struct Name {
  std::string_view text;
  Special kind;
};
constexpr Name kSpecials[] = {{"%tid.x", Special::kTidX},
                              {"%tid.y", Special::kTidY},
                              {"%tid.z", Special::kTidZ},
                              {"%ntid.x", Special::kNtidX},
                              {"%ntid.y", Special::kNtidY},
                              {"%ntid.z", Special::kNtidZ},
                              {"%ctaid.x", Special::kCtaidX},
                              {"%ctaid.y", Special::kCtaidY},
                              {"%ctaid.z", Special::kCtaidZ},
                              {"%nctaid.x", Special::kNctaidX},
                              {"%nctaid.y", Special::kNctaidY},
                              {"%nctaid.z", Special::kNctaidZ},
                              {"%laneid", Special::kLaneid},
                              {"%warpid", Special::kWarpid},
                              {"%nwarpid", Special::kNwarpid},
                              {"%lanemask_eq", Special::kLanemaskEq},
                              {"%lanemask_le", Special::kLanemaskLe},
                              {"%lanemask_lt", Special::kLanemaskLt},
                              {"%lanemask_ge", Special::kLanemaskGe},
                              {"%lanemask_gt", Special::kLanemaskGt},
                              {"%smid", Special::kSmid},
                              {"%nsmid", Special::kNsmid},
                              {"%gridid", Special::kGridid},
                              {"%dynamic_smem_size", Special::kDynamicSmemSize},
                              {"%total_smem_size", Special::kTotalSmemSize},
                              // Where the driver puts the address of a cooperative grid's workspace.
                              {"%envreg1", Special::kGridWorkspaceHigh},
                              {"%envreg2", Special::kGridWorkspaceLow}};

uint64_t literal_bits(const Token& t, Type type) {
  if (t.kind == Tok::kF32 && type == Type::kF64) {
    float f;
    uint32_t b = uint32_t(t.value);
    std::memcpy(&f, &b, 4);
    const double d = f;
    uint64_t r;
    std::memcpy(&r, &d, 8);
    return r;
  }
  if (t.kind == Tok::kF64 && type != Type::kF64 && type_size(type) == 4) {
    double d;
    std::memcpy(&d, &t.value, 8);
    const float f = float(d);
    uint32_t r;
    std::memcpy(&r, &f, 4);
    return r;
  }
  return t.value;
}

}  // namespace

uint32_t FunctionDecoder::symbol_slot(const std::string& name, unsigned size, int64_t offset, uint32_t line) {
  if (Var* v = find_var(name)) {
    switch (v->kind) {
      case VarKind::kShared: return frame_.constant(size, uint64_t(v->offset + offset));
      case VarKind::kDynShared: break;
      case VarKind::kLocal: return frame_.special(Special::kLocalBase, size, v->offset + offset);
      case VarKind::kEntryParam: return frame_.constant(size, uint64_t(v->offset + offset));
      case VarKind::kReg: break;
    }
  }
  if (auto it = m_->shared_.find(name); it != m_->shared_.end()) {
    if (it->second.dynamic) {
      f_->uses_dynamic_shared = true;
      f_->dyn_shared_align = std::max(f_->dyn_shared_align, it->second.align);
      return frame_.special(Special::kDynShared, size, offset);
    }
    uses_module_shared_ = true;
    return frame_.constant(size, uint64_t(it->second.offset + offset));
  }
  if (auto it = m_->global_by_name_.find(name); it != m_->global_by_name_.end())
    return frame_.constant(size, it->second->address + uint64_t(offset));
  if (auto it = m_->function_by_name_.find(name); it != m_->function_by_name_.end())
    return frame_.constant(size, kFunctionWindow + 16 * (it->second->index + 1));
  fail(line, "the name " + name + " is neither a register nor a known symbol.");
}

FunctionDecoder::Source FunctionDecoder::source(Type type, bool relaxed) {
  const unsigned want = reg_size(type);
  Source s;
  s.size = want;
  if (type == Type::kPred && ts_.accept('!')) s.negated = true;
  const bool minus = ts_.accept('-');
  const Token t = ts_.next();
  if (t.kind == Tok::kInt || t.kind == Tok::kF32 || t.kind == Tok::kF64) {
    uint64_t bits = literal_bits(t, type);
    if (minus) bits = t.kind == Tok::kInt ? uint64_t(-int64_t(bits)) : bits ^ (1ull << (want * 8 - 1));
    if (want && want < 8) bits &= (1ull << (8 * want)) - 1;
    s.slot = frame_.constant(want, bits);
    return s;
  }
  if (t.kind != Tok::kIdent || minus) fail(t.line, "expected an operand, found '" + token_text(t) + "'.");
  std::string name(t.text);
  if (name == "_") {
    s.slot = frame_.constant(want, 0);
    return s;
  }
  if (name == "WARP_SZ") {
    s.slot = frame_.constant(want, 32);
    return s;
  }
  if (name[0] == '%' && ts_.is('.') && ts_.peek(1).kind == Tok::kIdent) {
    ts_.next();
    name += "." + std::string(ts_.next().text);
  }
  if (Var* v = find_var(name); v && v->kind == VarKind::kReg) {
    expect_reg(t);
    s.slot = v->slot;
    s.size = reg_size(v->type);
    check_size(t, *v, want, relaxed);
    return s;
  }
  for (const Name& n : kSpecials)
    if (n.text == name) {
      s.slot = frame_.special(n.kind, want);
      return s;
    }
  if (name[0] == '%') fail(t.line, "the special register " + name + " is not supported.");
  int64_t offset = 0;
  if (ts_.accept('+')) offset = int64_t(ts_.integer("an offset"));
  s.slot = symbol_slot(name, want, offset, t.line);
  return s;
}

void FunctionDecoder::check_size(const Token& t, const Var& v, unsigned want, bool relaxed) {
  const unsigned have = reg_size(v.type);
  if (have == want || (relaxed && have > want && want != 0)) return;
  fail(t.line, "register " + std::string(t.text) + " has " +
                   (have ? std::to_string(have * 8) + " bits" : "type .pred") + ", the instruction " + opcode_text_ +
                   " needs " + (want ? std::to_string(want * 8) + " bits." : "a predicate."));
}

FunctionDecoder::Source FunctionDecoder::dest(Type type, bool relaxed) {
  const unsigned want = reg_size(type);
  const Token t = ts_.next();
  Source s;
  s.size = want;
  if (t.kind == Tok::kIdent && t.text == "_") {
    s.slot = frame_.allocate(want);
    return s;
  }
  if (t.kind != Tok::kIdent) fail(t.line, "expected a destination register, found '" + token_text(t) + "'.");
  Var* v = expect_reg(t);
  check_size(t, *v, want, relaxed);
  s.slot = v->slot;
  s.size = reg_size(v->type);
  return s;
}

void FunctionDecoder::memory(uint32_t* slot, uint8_t* size, int64_t* offset, Space* space) {
  ts_.expect('[', "at the start of an address");
  const Token t = ts_.next();
  if (t.kind == Tok::kInt) {
    *slot = frame_.constant(8, t.value);
    *size = 8;
  } else {
    if (t.kind != Tok::kIdent) fail(t.line, "expected an address, found '" + token_text(t) + "'.");
    const std::string name(t.text);
    Var* v = find_var(name);
    if (v && v->kind == VarKind::kReg) {
      expect_reg(t);
      *slot = v->slot;
      *size = uint8_t(reg_size(v->type));
      if (*size < 4) fail(t.line, "the address register " + name + " must have 32 or 64 bits.");
      if (space && *space == Space::kParam && !f_->is_entry) *space = Space::kLocal;
    } else {
      *slot = symbol_slot(name, 8, 0, t.line);
      *size = 8;
      if (space && *space == Space::kParam && v && v->kind == VarKind::kLocal) *space = Space::kLocal;
    }
  }
  *offset = 0;
  while (!ts_.accept(']')) {
    const bool minus = ts_.accept('-');
    if (!minus) ts_.expect('+', "in an address");
    const bool minus2 = ts_.accept('-');
    const int64_t v = int64_t(ts_.integer("an offset"));
    *offset += (minus != minus2) ? -v : v;
  }
}

void FunctionDecoder::vector(Instr& in, Type type, bool is_dest) {
  std::vector<uint32_t> list;
  unsigned size = 0;
  const bool braces = ts_.accept('{');
  do {
    const Token t = ts_.peek();
    Source s;
    if (type == Type::kNone) {  // matrix fragments: 32-bit registers of any kind
      s = ts_.peek().kind == Tok::kIdent ? dest(Type::kB32, false) : source(Type::kB32, false);
    } else {
      s = is_dest ? dest(type, true) : source(type, true);
    }
    if (size && s.size != size) fail(t.line, "the registers of a vector operand differ in size.");
    size = s.size;
    list.push_back(s.slot);
  } while (braces && ts_.accept(','));
  if (braces) ts_.expect('}', "after a vector");
  if (in.aux == 0 && f_->slots.empty()) f_->slots.push_back(0);
  if (in.aux == 0) in.aux = uint32_t(f_->slots.size());
  f_->slots.insert(f_->slots.end(), list.begin(), list.end());
  if (type != Type::kNone) {
    if (list.size() != in.vec)
      fail(in.line, "'" + opcode_text_ + "' needs a vector of " + std::to_string(in.vec) + " registers.");
    (is_dest ? in.d_size : in.b_size) = uint8_t(size);
  } else if (in.op == Op::kLdmatrix || in.op == Op::kStmatrix) {
    in.vec = uint8_t(list.size());
    const unsigned want = in.mods.has(Mod::k_x4) ? 4 : in.mods.has(Mod::k_x2) ? 2 : 1;
    if (list.size() != want) fail(in.line, "'" + opcode_text_ + "' needs " + std::to_string(want) + " registers.");
  } else if (in.op == Op::kWgmma) {
    in.vec = uint8_t(list.size());
    const unsigned want = wgmma_columns(in) / 2;
    if (list.size() != want)
      fail(in.line, "the accumulator of '" + opcode_text_ + "' needs " + std::to_string(want) + " registers, not " +
                        std::to_string(list.size()) + ".");
  } else {
    const size_t have = list.size();
    const size_t which = size_t(in.imm2++);  // D, A, B, C in this order
    const bool k16 = in.mods.has(Mod::k_m16n8k16), tf32 = in.type2 == Type::kTF32;
    const bool f16_acc = in.type == Type::kF16;
    const size_t a_regs = tf32 ? (in.mods.has(Mod::k_m16n8k8) ? 4 : 2) : (k16 ? 4 : 2);
    const size_t want[] = {f16_acc ? 2u : 4u, a_regs, a_regs / 2, f16_acc ? 2u : 4u};
    if (have != want[which])
      fail(in.line, "operand " + std::to_string(which + 1) + " of '" + opcode_text_ + "' needs " +
                        std::to_string(want[which]) + " registers, not " + std::to_string(have) + ".");
  }
}

FunctionDecoder::Source FunctionDecoder::tensor(Instr& in) {
  Source map;
  ts_.expect('[', "at the start of a tensor operand");
  const Token t = ts_.peek();
  map = source(Type::kB64, false);
  ts_.expect(',', "behind the address of a tensor map");
  ts_.expect('{', "in front of coordinates");
  if (f_->slots.empty()) f_->slots.push_back(0);
  in.aux = uint32_t(f_->slots.size());
  unsigned count = 0;
  do {
    const Source s = source(Type::kS32, false);
    f_->slots.push_back(s.slot);
    ++count;
  } while (ts_.accept(','));
  if (count != 2) fail(t.line, "'" + opcode_text_ + "' takes two coordinates, not " + std::to_string(count) + ".");
  ts_.expect('}', "behind coordinates");
  ts_.expect(']', "at the end of a tensor operand");
  return map;
}

}  // namespace cudasim
