// One instruction: its guard, its row of the opcode table, and the operands that the row asks for.
#include <sstream>

#include "ptx/decoder.h"

namespace cudasim {

namespace {

Type doubled(Type t) {
  switch (t) {
    case Type::kU16: return Type::kU32;
    case Type::kS16: return Type::kS32;
    case Type::kU32: return Type::kU64;
    case Type::kS32: return Type::kS64;
    default: return t;
  }
}

}  // namespace

void FunctionDecoder::instruction() {
  Instr in;
  in.line = ts_.peek().line;
  in.loc = loc_;
  if (ts_.accept('@')) {
    in.guard_neg = ts_.accept('!');
    Var* v = expect_reg(ts_.next());
    if (v->type != Type::kPred) fail(in.line, "the guard is not a predicate register.");
    in.guard = v->slot;
  }
  const std::string opcode = ts_.ident("an opcode");
  in.line = ts_.peek().line;
  std::vector<std::string_view> words;
  opcode_text_ = opcode;
  while (ts_.is('.')) {
    ts_.next();
    const Token& w = ts_.next();
    if (w.kind != Tok::kIdent && w.kind != Tok::kInt)  // .2d is a number to the lexer
      fail(w.line, "expected a modifier after '" + opcode_text_ + ".', found '" + token_text(w) + "'.");
    words.push_back(w.text);
    opcode_text_ += "." + std::string(w.text);
  }
  const OpForm* form = match_form(opcode, words);
  if (!form) {
    if (!opcode_known(opcode))
      fail(in.line, "the opcode '" + opcode + "' (in '" + opcode_text_ + "') is not supported.");
    fail(in.line, "the instruction form '" + opcode_text_ + "' is not supported; the opcode " + opcode +
                      " is known with other modifiers.");
  }
  in.op = form->row->op;
  in.aligned = opcode == "bar";
  in.cls = form->row->cls;
  for (std::string_view w : words) {
    const Type t = type_from_name(w);
    Mod m;
    if (t != Type::kNone) {
      if (in.type == Type::kNone)
        in.type = t;
      else if (in.type2 == Type::kNone)
        in.type2 = t;
    } else if (find_mod(w, &m)) {
      in.mods.set(m);
      if (m == Mod::k_aligned) in.aligned = true;
      if (m == Mod::k_v2) in.vec = 2;
      if (m == Mod::k_v4) in.vec = 4;
      if (m == Mod::k_global) in.space = Space::kGlobal;
      if (m == Mod::k_shared || m == Mod::k_shared_cta) in.space = Space::kShared;
      if (m == Mod::k_local) in.space = Space::kLocal;
      if (m == Mod::k_const) in.space = Space::kConst;
      if (m == Mod::k_param) in.space = Space::kParam;
    }
  }
  if (in.op == Op::kCall)
    call(in);
  else if (in.op == Op::kMov)
    mov(in);
  else
    operands(in, form->row->operands);
  if (in.op == Op::kLd || in.op == Op::kSt) {
    if (in.space == Space::kShared) in.cls = OpClass::kShared;
    if (in.space == Space::kLocal) in.cls = OpClass::kLocal;
    if (in.space == Space::kParam || in.space == Space::kConst) in.cls = OpClass::kParam;
    if (in.op == Op::kSt && (in.space == Space::kParam || in.space == Space::kConst))
      fail(in.line, "'" + opcode_text_ + "' writes to read-only memory.");
  }
  ts_.expect(';', ("after '" + opcode_text_ + "'").c_str());
  emit(in, opcode_text_);
}

void FunctionDecoder::emit(Instr& in, const std::string& text) {
  in.fn = m_->hooks_->select(in);
  if (!in.fn) fail(in.line, "the interpreter has no implementation of '" + text + "'.");
  f_->code.push_back(in);
}

void FunctionDecoder::operands(Instr& in, const char* spec) {
  std::istringstream list(spec);
  std::string word;
  bool first = true;
  unsigned next = 0;
  auto put = [&](const Source& s) {
    uint32_t* slot[] = {&in.a, &in.b, &in.c, &in.e};
    uint8_t* size[] = {&in.a_size, &in.b_size, &in.c_size, nullptr};
    if (next >= 4) fail(in.line, "too many operands.");
    *slot[next] = s.slot;
    if (size[next]) *size[next] = uint8_t(s.size);
    if (s.negated) in.neg_pred = true;
    ++next;
  };
  size_t remaining_required = 0;
  std::vector<std::string> specs;
  while (list >> word) {
    specs.push_back(word);
    remaining_required += word[0] != '?';
  }
  size_t given = count_operands();
  for (const std::string& full : specs) {
    const bool optional = full[0] == '?';
    const std::string w = optional ? full.substr(1) : full;
    if (!optional) --remaining_required;
    if (optional) {
      if (given <= remaining_required) {
        if (next < 4 && w == "u") ++next;
        continue;
      }  // keep later operands in place
    } else if (given == 0) {
      fail(in.line, "'" + opcode_text_ + "' has too few operands.");
    }
    if (!first) ts_.expect(',', "between operands");
    first = false;
    --given;
    switch (w[0]) {
      case 'd':
      case 'w':
      case 'p':
      case 'D': {
        Type t = w[0] == 'w' ? doubled(in.type) : w[0] == 'p' ? Type::kPred : in.type;
        if (w.substr(0, 3) == "p32") t = Type::kB32;
        if (w[0] == 'D' && in.vec > 1) {
          vector(in, t, true);
        } else {
          const Source s = dest(t, w[0] == 'D');
          in.d = s.slot;
          in.d_size = uint8_t(s.size);
        }
        if (w.find('|') != std::string::npos && ts_.accept('|')) in.d2 = dest(Type::kPred, false).slot;
        break;
      }
      case 'a': put(source(in.type, false)); break;
      case 'x': put(source(in.type2, false)); break;
      case 'W': put(source(doubled(in.type), false)); break;
      case 'S':
        if (in.vec > 1)
          vector(in, in.type, false);
        else
          put(source(in.type, true));
        break;
      case 'Y': put(source(in.type2, true)); break;
      case 'A': put(source(Type::kB32, true)); break;
      case 'u': put(source(Type::kU32, false)); break;
      case 'U': put(source(Type::kB64, false)); break;
      case 'q': put(source(Type::kPred, false)); break;
      case 'i': {
        const uint64_t v = ts_.integer("an immediate");
        if (in.op == Op::kCpAsync)
          in.vec = uint8_t(v);
        else if (in.op == Op::kWgmma)
          wgmma_immediate(in, int64_t(v));
        else
          in.imm = int64_t(v);
        break;
      }
      case 'm': {
        Source s;
        uint8_t size;
        if (next == 0)
          memory(&s.slot, &size, &in.imm, &in.space);
        else
          memory(&s.slot, &size, &in.imm2, nullptr);
        s.size = size;
        put(s);
        break;
      }
      case 'r': vector(in, Type::kNone, true); break;
      case 't': put(tensor(in)); break;
      case 'l': branch(in); break;
      default: fail(in.line, "the opcode table has the unknown operand letter '" + w + "'.");
    }
  }
  if (given != 0) fail(in.line, "'" + opcode_text_ + "' has too many operands.");
  if (in.op == Op::kCpAsync && !(in.vec == 16 || (in.mods.has(Mod::k_ca) && (in.vec == 4 || in.vec == 8))))
    fail(in.line, "cp.async copies 4, 8 or 16 bytes (.cg: 16), not " + std::to_string(in.vec) + ".");
}

// Behind scale-d stand the signs of A and B and whether they are stored along M and N.
void FunctionDecoder::wgmma_immediate(Instr& in, int64_t value) {
  const int which = int(in.imm2++);
  if (which < 2) {
    if (value != 1 && value != -1) fail(in.line, "'" + opcode_text_ + "' scales A and B by 1 or -1.");
    if (value < 0) in.imm ^= 1;
  } else if (value != 0) {
    fail(in.line, "'" + opcode_text_ + "' with an operand that is not stored along k is not supported.");
  }
}

size_t FunctionDecoder::count_operands() const {
  if (ts_.is(';')) return 0;
  size_t n = 1;
  int depth = 0;
  for (size_t i = 0;; ++i) {
    const Token& t = ts_.peek(i);
    if (t.kind == Tok::kEnd) break;
    if (t.kind != Tok::kPunct) continue;
    if (t.punct == ';') break;
    if (t.punct == '{' || t.punct == '[' || t.punct == '(') ++depth;
    if (t.punct == '}' || t.punct == ']' || t.punct == ')') --depth;
    if (t.punct == ',' && depth == 0) ++n;
  }
  return n;
}

void FunctionDecoder::mov(Instr& in) {
  if (ts_.is('{')) {  // unpack
    in.imm = 1;
    unpack_list(in, true);
    ts_.expect(',', "between operands");
    const Source s = source(in.type, false);
    in.a = s.slot;
    in.a_size = uint8_t(s.size);
    return;
  }
  const Source d = dest(in.type, false);
  in.d = d.slot;
  in.d_size = uint8_t(d.size);
  ts_.expect(',', "between operands");
  if (ts_.is('{')) {
    in.imm = 2;
    unpack_list(in, false);
    return;
  }
  const Token t = ts_.peek();
  if (t.kind == Tok::kIdent && (t.text == "%clock" || t.text == "%clock64" || t.text == "%clock_hi" ||
                                t.text == "%globaltimer" || t.text == "%globaltimer_lo")) {
    ts_.next();
    in.op = Op::kReadClock;
    return;
  }
  const Source s = source(in.type, false);
  in.a = s.slot;
  in.a_size = uint8_t(s.size);
  in.neg_pred = s.negated;
}

void FunctionDecoder::unpack_list(Instr& in, bool is_dest) {
  size_t n = 0;
  unsigned elem = 0;
  std::vector<uint32_t> list;
  ts_.expect('{', "at the start of a vector");
  size_t count = 1;
  for (size_t i = 0; !ts_.is('}', i); ++i) count += ts_.is(',', i);
  elem = type_size(in.type) / unsigned(count);
  const Type t = elem == 1 ? Type::kB8 : elem == 2 ? Type::kB16 : elem == 4 ? Type::kB32 : Type::kNone;
  if (t == Type::kNone || count * elem != type_size(in.type))
    fail(in.line, "a mov cannot split its type into this vector.");
  do {
    const Source s = is_dest ? dest(t, true) : source(t, true);
    (is_dest ? in.d_size : in.a_size) = uint8_t(s.size);
    list.push_back(s.slot);
    ++n;
  } while (ts_.accept(','));
  ts_.expect('}', "after a vector");
  in.vec = uint8_t(n);
  if (f_->slots.empty()) f_->slots.push_back(0);
  in.aux = uint32_t(f_->slots.size());
  f_->slots.insert(f_->slots.end(), list.begin(), list.end());
}

}  // namespace cudasim
