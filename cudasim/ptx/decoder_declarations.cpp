// Directives of a function body, the variables they declare, and the scopes that names are looked up in.
#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "ptx/decoder.h"

namespace cudasim {

void FunctionDecoder::declare_params() {
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

uint32_t FunctionDecoder::place_local(uint64_t size, uint32_t align) {
  const uint32_t at = align_up(f_->local_bytes, std::max(align, 4u));
  f_->local_bytes = at + uint32_t(size);
  return at;
}

Var* FunctionDecoder::find_var(const std::string& name) {
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

Var* FunctionDecoder::expect_reg(const Token& t) {
  Var* v = find_var(std::string(t.text));
  if (!v || v->kind != VarKind::kReg) fail(t.line, "'" + token_text(t) + "' is not a declared register.");
  if (v->slot == 0) {
    v->slot = frame_.allocate(reg_size(v->type));
    f_->reg32_count += (reg_size(v->type) + 3) / 4;
  }
  return v;
}

void FunctionDecoder::directive() {
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

void FunctionDecoder::do_registers() {
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

}  // namespace cudasim
