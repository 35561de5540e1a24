// Turns the tokens of one function body into pre-decoded instructions: slots for registers, indices for labels.
#include <algorithm>
#include <cstring>
#include <sstream>

#include "ptx/module.h"
#include "ptx/parser.h"

namespace cudasim {

namespace {

enum class VarKind : uint8_t { kReg, kShared, kDynShared, kLocal, kEntryParam };

struct Var {
  VarKind kind = VarKind::kReg;
  Type type = Type::kNone;
  uint32_t slot = 0;    // register slot, 0 until first use
  uint32_t offset = 0;  // shared, local or parameter offset
  uint32_t size = 0;
};

struct Range {
  Type type;
  uint64_t count;
};

struct LabelUse {
  std::string label;
  size_t instr;
  int table = -1, entry = 0;  // a branch-table entry instead of a branch target
  uint32_t line;
};

struct Scope {
  std::unordered_map<std::string, Var> vars;
  std::unordered_map<std::string, Range> ranges;
  std::unordered_map<std::string, uint32_t> labels;
  std::unordered_map<std::string, std::vector<std::string>> tables;
  std::vector<LabelUse> uses;
};

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

unsigned reg_size(Type t) {
  return t == Type::kPred ? 0 : type_size(t);
}

uint32_t align_up(uint32_t v, uint32_t a) {
  return (v + a - 1) / a * a;
}

}  // namespace

class FunctionDecoder {
 public:
  FunctionDecoder(Module* m, Function* f) : m_(m), f_(f), ts_{&m->tokens_, f->body_begin, f->body_end, f->name} {}

  void run() {
    f_->static_shared = 0;
    f_->frame_bytes = 64;  // slot 0 stays unused, so that it can mean "none"
    shared_end_ = 0;
    scopes_.emplace_back();
    declare_params();
    while (ts_.pos < ts_.end) statement();
    Instr ret;
    ret.op = Op::kRet;
    ret.cls = OpClass::kControl;
    ret.line = ts_.peek().line;
    ret.loc = loc_;
    emit(ret, "ret");
    close_scope();
    if (uses_module_shared_ || f_->has_calls || !f_->is_entry)
      shared_end_ = std::max(shared_end_, m_->module_shared_bytes_);
    f_->static_shared = shared_end_;
    f_->local_bytes = align_up(f_->local_bytes, 16);
  }

 private:
  Module* m_;
  Function* f_;
  TokenStream ts_;
  std::vector<Scope> scopes_;
  uint32_t loc_ = 0, shared_end_ = 0;
  bool uses_module_shared_ = false;
  uint32_t pred_chunk_ = 0, pred_left_ = 0;
  std::map<std::pair<unsigned, uint64_t>, uint32_t> constants_;
  std::map<std::tuple<Special, unsigned, int64_t>, uint32_t> specials_;

  [[noreturn]] void fail(uint32_t line, const std::string& what) { ptx_error(line, "kernel " + f_->name, what); }

  uint32_t alloc_slot(unsigned size) {
    if (size == 0) {
      if (pred_left_ == 0) {
        pred_chunk_ = f_->frame_bytes;
        f_->frame_bytes += 64;
        pred_left_ = 16;
      }
      return pred_chunk_ + 4 * (16 - pred_left_--);
    }
    const uint32_t slot = f_->frame_bytes = align_up(f_->frame_bytes, 64);
    f_->frame_bytes += size * 32;
    return slot;
  }

  uint32_t constant(unsigned size, uint64_t bits) {  // size 0: a predicate
    uint32_t& slot = constants_[{size, bits}];
    if (slot == 0) {
      slot = alloc_slot(size);
      f_->constants.push_back({slot, uint8_t(size), bits});
    }
    return slot;
  }

  uint32_t special(Special kind, unsigned size, int64_t offset = 0) {
    uint32_t& slot = specials_[{kind, size, offset}];
    if (slot == 0) {
      slot = alloc_slot(size);
      f_->specials.push_back({kind, slot, uint8_t(size), offset});
    }
    return slot;
  }

  void declare_params() {
    Scope& s = scopes_.back();
    for (ParamVar& p : f_->params) {
      Var v;
      v.size = p.size;
      if (f_->is_entry) {
        v.kind = VarKind::kEntryParam;
        v.offset = p.offset;
      } else {
        v.kind = VarKind::kLocal;
        v.offset = p.offset = place_local(p.size, p.align);
      }
      s.vars[p.name] = v;
    }
    for (ParamVar& p : f_->rets) {
      Var v;
      v.kind = VarKind::kLocal;
      v.size = p.size;
      v.offset = p.offset = place_local(p.size, p.align);
      s.vars[p.name] = v;
    }
  }

  uint32_t place_local(uint64_t size, uint32_t align) {
    const uint32_t at = align_up(f_->local_bytes, std::max(align, 4u));
    f_->local_bytes = at + uint32_t(size);
    return at;
  }

  Var* find_var(const std::string& name) {
    for (size_t i = scopes_.size(); i-- > 0;) {
      Scope& s = scopes_[i];
      if (auto it = s.vars.find(name); it != s.vars.end()) return &it->second;
      size_t digits = name.size();
      while (digits > 0 && std::isdigit(static_cast<unsigned char>(name[digits - 1]))) --digits;
      if (digits == name.size() || digits == 0) continue;
      if (auto it = s.ranges.find(name.substr(0, digits)); it != s.ranges.end()) {
        if (std::strtoull(name.c_str() + digits, nullptr, 10) >= it->second.count) continue;
        Var v;
        v.type = it->second.type;
        return &(s.vars[name] = v);
      }
    }
    return nullptr;
  }

  void close_scope() {
    Scope s = std::move(scopes_.back());
    scopes_.pop_back();
    for (LabelUse& u : s.uses) {
      auto it = s.labels.find(u.label);
      if (it != s.labels.end()) {
        if (u.table >= 0)
          f_->branch_tables[size_t(u.table)][size_t(u.entry)] = it->second;
        else
          f_->code[u.instr].target = it->second;
      } else if (!scopes_.empty()) {
        scopes_.back().uses.push_back(u);
      } else {
        fail(u.line, "the branch target " + u.label + " is not defined in this function.");
      }
    }
  }

  void directive() {
    const uint32_t line = ts_.peek().line;
    const std::string word = ts_.ident("a directive");
    if (word == "reg") {
      do_registers();
    } else if (word == "loc") {
      SourceLoc l;
      l.file = uint32_t(ts_.integer("a file"));
      l.line = uint32_t(ts_.integer("a line"));
      ts_.integer("a column");
      while (ts_.accept(',')) {
        const std::string key = ts_.ident("a .loc attribute");
        if (key == "inlined_at") {
          l.inlined_file = uint32_t(ts_.integer("a file"));
          l.inlined_line = uint32_t(ts_.integer("a line"));
          ts_.integer("a column");
        } else {
          ts_.next();
          if (ts_.accept('+')) ts_.next();
        }
      }
      f_->locs.push_back(l);
      loc_ = uint32_t(f_->locs.size());
    } else if (word == "local" || word == "param") {
      const VarDecl d = parse_var(ts_);
      Var v;
      v.kind = VarKind::kLocal;
      v.size = uint32_t(d.size);
      v.offset = place_local(d.size, d.align);
      scopes_.back().vars[d.name] = v;
      ts_.expect(';', "after a variable");
    } else if (word == "shared") {
      const VarDecl d = parse_var(ts_);
      Var v;
      v.kind = VarKind::kShared;
      v.size = uint32_t(d.size);
      if (shared_end_ == 0) shared_end_ = m_->module_shared_bytes_;
      v.offset = align_up(shared_end_, d.align);
      shared_end_ = v.offset + v.size;
      scopes_.back().vars[d.name] = v;
      ts_.expect(';', "after a variable");
    } else if (word == "pragma") {
      while (!ts_.accept(';')) ts_.next();
    } else {
      fail(line, "unsupported directive ." + word + " in a function body.");
    }
  }

  void do_registers() {
    ts_.expect('.', "after .reg");
    const uint32_t line = ts_.peek().line;
    const std::string type_word = ts_.ident("a type");
    const Type type = type_from_name(type_word);
    if (type == Type::kNone) fail(line, "registers of type ." + type_word + " are not supported.");
    do {
      const std::string name = ts_.ident("a register name");
      if (ts_.accept('<')) {
        scopes_.back().ranges[name] = {type, ts_.integer("a count")};
        ts_.expect('>', "after a register count");
      } else {
        Var v;
        v.type = type;
        scopes_.back().vars[name] = v;
      }
    } while (ts_.accept(','));
    ts_.expect(';', "after registers");
  }

  void statement() {
    if (ts_.accept(';')) return;
    if (ts_.accept('{')) {
      scopes_.emplace_back();
      return;
    }
    if (ts_.accept('}')) {
      if (scopes_.size() < 2) fail(ts_.peek().line, "a closing brace without an opening one.");
      close_scope();
      return;
    }
    if (ts_.accept('.')) {
      directive();
      return;
    }
    if (ts_.peek().kind == Tok::kIdent && ts_.is(':', 1)) {
      const std::string label(ts_.next().text);
      ts_.next();
      if (ts_.is('.')) {
        const std::string word(ts_.peek(1).text);
        if (word == "branchtargets") {
          ts_.next();
          ts_.next();
          std::vector<std::string> names;
          do names.push_back(ts_.ident("a label"));
          while (ts_.accept(','));
          ts_.expect(';', "after .branchtargets");
          scopes_.back().tables[label] = names;
          return;
        }
        if (word == "callprototype" || word == "calltargets") {
          while (!ts_.accept(';')) ts_.next();
          return;
        }
      }
      scopes_.back().labels[label] = uint32_t(f_->code.size());
      return;
    }
    instruction();
  }

  Var* expect_reg(const Token& t) {
    Var* v = find_var(std::string(t.text));
    if (!v || v->kind != VarKind::kReg) fail(t.line, "'" + token_text(t) + "' is not a declared register.");
    if (v->slot == 0) {
      v->slot = alloc_slot(reg_size(v->type));
      f_->reg32_count += (reg_size(v->type) + 3) / 4;
    }
    return v;
  }

  // A symbol's address as a slot of the given size.
  uint32_t symbol_slot(const std::string& name, unsigned size, int64_t offset, uint32_t line) {
    if (Var* v = find_var(name)) {
      switch (v->kind) {
        case VarKind::kShared: return constant(size, uint64_t(v->offset + offset));
        case VarKind::kDynShared: break;
        case VarKind::kLocal: return special(Special::kLocalBase, size, v->offset + offset);
        case VarKind::kEntryParam: return constant(size, uint64_t(v->offset + offset));
        case VarKind::kReg: break;
      }
    }
    if (auto it = m_->shared_.find(name); it != m_->shared_.end()) {
      if (it->second.dynamic) {
        f_->uses_dynamic_shared = true;
        f_->dyn_shared_align = std::max(f_->dyn_shared_align, it->second.align);
        return special(Special::kDynShared, size, offset);
      }
      uses_module_shared_ = true;
      return constant(size, uint64_t(it->second.offset + offset));
    }
    if (auto it = m_->global_by_name_.find(name); it != m_->global_by_name_.end())
      return constant(size, it->second->address + uint64_t(offset));
    if (auto it = m_->function_by_name_.find(name); it != m_->function_by_name_.end())
      return constant(size, kFunctionWindow + 16 * (it->second->index + 1));
    fail(line, "the name " + name + " is neither a register nor a known symbol.");
  }

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

  struct Source {
    uint32_t slot = 0;
    unsigned size = 0;
    bool negated = false;
  };

  // A register, immediate, special register or symbol. size: what the instruction wants (0: predicate).
  Source source(Type type, bool relaxed) {
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
      s.slot = constant(want, bits);
      return s;
    }
    if (t.kind != Tok::kIdent || minus) fail(t.line, "expected an operand, found '" + token_text(t) + "'.");
    std::string name(t.text);
    if (name == "_") {
      s.slot = constant(want, 0);
      return s;
    }
    if (name == "WARP_SZ") {
      s.slot = constant(want, 32);
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
        s.slot = special(n.kind, want);
        return s;
      }
    if (name[0] == '%') fail(t.line, "the special register " + name + " is not supported.");
    int64_t offset = 0;
    if (ts_.accept('+')) offset = int64_t(ts_.integer("an offset"));
    s.slot = symbol_slot(name, want, offset, t.line);
    return s;
  }

  void check_size(const Token& t, const Var& v, unsigned want, bool relaxed) {
    const unsigned have = reg_size(v.type);
    if (have == want || (relaxed && have > want && want != 0)) return;
    fail(t.line, "register " + std::string(t.text) + " has " +
                     (have ? std::to_string(have * 8) + " bits" : "type .pred") + ", the instruction " + opcode_text_ +
                     " needs " + (want ? std::to_string(want * 8) + " bits." : "a predicate."));
  }

  Source dest(Type type, bool relaxed) {
    const unsigned want = reg_size(type);
    const Token t = ts_.next();
    Source s;
    s.size = want;
    if (t.kind == Tok::kIdent && t.text == "_") {
      s.slot = alloc_slot(want);
      return s;
    }
    if (t.kind != Tok::kIdent) fail(t.line, "expected a destination register, found '" + token_text(t) + "'.");
    Var* v = expect_reg(t);
    check_size(t, *v, want, relaxed);
    s.slot = v->slot;
    s.size = reg_size(v->type);
    return s;
  }

  void memory(uint32_t* slot, uint8_t* size, int64_t* offset, Space* space) {
    const Token& open = ts_.expect('[', "at the start of an address");
    const Token t = ts_.next();
    if (t.kind == Tok::kInt) {
      *slot = constant(8, t.value);
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
    (void)open;
  }

  std::string opcode_text_;

  void emit(Instr& in, const std::string& text) {
    in.fn = m_->hooks_->select(in);
    if (!in.fn) fail(in.line, "the interpreter has no implementation of '" + text + "'.");
    f_->code.push_back(in);
  }

  void instruction() {
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
      if (w.kind != Tok::kIdent)
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

  static Type doubled(Type t) {
    switch (t) {
      case Type::kU16: return Type::kU32;
      case Type::kS16: return Type::kS32;
      case Type::kU32: return Type::kU64;
      case Type::kS32: return Type::kS64;
      default: return t;
    }
  }

  void operands(Instr& in, const char* spec) {
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
        case 'q': put(source(Type::kPred, false)); break;
        case 'i': {
          const uint64_t v = ts_.integer("an immediate");
          if (in.op == Op::kCpAsync)
            in.vec = uint8_t(v);
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
        case 'l': branch(in); break;
        default: fail(in.line, "the opcode table has the unknown operand letter '" + w + "'.");
      }
    }
    if (given != 0) fail(in.line, "'" + opcode_text_ + "' has too many operands.");
    if (in.op == Op::kCpAsync && !(in.vec == 16 || (in.mods.has(Mod::k_ca) && (in.vec == 4 || in.vec == 8))))
      fail(in.line, "cp.async copies 4, 8 or 16 bytes (.cg: 16), not " + std::to_string(in.vec) + ".");
  }

  size_t count_operands() const {
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

  // {%a, %b}: appended to Function::slots; in.aux is the first vector's start, in.vec the length of memory vectors.
  void vector(Instr& in, Type type, bool is_dest) {
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

  void branch(Instr& in) {
    const std::string label = ts_.ident("a label");
    if (in.op != Op::kBrx) {
      scopes_.back().uses.push_back({label, f_->code.size(), -1, 0, in.line});
      return;
    }
    for (size_t i = scopes_.size(); i-- > 0;) {
      auto it = scopes_[i].tables.find(label);
      if (it == scopes_[i].tables.end()) continue;
      in.aux = uint32_t(f_->branch_tables.size());
      f_->branch_tables.emplace_back(it->second.size());
      int entry = 0;
      for (const std::string& name : it->second)
        scopes_.back().uses.push_back({name, 0, int(in.aux), entry++, in.line});
      return;
    }
    fail(in.line, "brx.idx names the unknown target list " + label + ".");
  }

  void mov(Instr& in) {
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

  void unpack_list(Instr& in, bool is_dest) {
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

  std::vector<ParamVar> param_list() {
    std::vector<ParamVar> out;
    ts_.expect('(', "in a call");
    while (!ts_.accept(')')) {
      const Token t = ts_.next();
      Var* v = t.kind == Tok::kIdent ? find_var(std::string(t.text)) : nullptr;
      if (!v || v->kind != VarKind::kLocal)
        fail(t.line, "call arguments must be .param variables, found '" + token_text(t) + "'.");
      ParamVar p;
      p.name = std::string(t.text);
      p.offset = v->offset;
      p.size = v->size;
      out.push_back(p);
      ts_.accept(',');
    }
    return out;
  }

  void call(Instr& in) {
    CallInfo info;
    f_->has_calls = true;
    if (ts_.is('(')) {
      info.rets = param_list();
      ts_.expect(',', "after the results of a call");
    }
    const Token t = ts_.next();
    const std::string name = token_text(t);
    if (Var* v = find_var(name); v && v->kind == VarKind::kReg) {
      expect_reg(t);
      info.pointer_slot = v->slot;
    } else {
      auto it = m_->function_by_name_.find(name);
      if (it == m_->function_by_name_.end()) fail(t.line, "the call names the unknown function " + name + ".");
      info.callee = it->second;
      if (info.callee->has_body) m_->decode(info.callee);
    }
    if (ts_.accept(',')) {
      if (ts_.is('(')) info.args = param_list();
      if (ts_.accept(',')) ts_.next();  // the prototype of an indirect call
    }
    in.aux = uint32_t(f_->calls.size());
    f_->calls.push_back(std::move(info));
  }
};

void Module::decode(Function* f) {
  std::lock_guard lock(mutex_);
  if (f->decoded || !f->has_body) return;
  f->decoded = true;  // set first: a recursive function decodes calls to itself
  try {
    FunctionDecoder(this, f).run();
  } catch (...) {
    f->decoded = false;
    f->code.clear();
    throw;
  }
}

}  // namespace cudasim
