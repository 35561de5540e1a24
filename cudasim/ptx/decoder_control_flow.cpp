// Labels and what jumps to them, and calls.
#include "ptx/decoder.h"

namespace cudasim {

void FunctionDecoder::label() {
  const std::string name(ts_.next().text);
  ts_.next();
  if (ts_.is('.')) {
    const std::string word(ts_.peek(1).text);
    if (word == "branchtargets") {
      ts_.next();
      ts_.next();
      std::vector<std::string> targets;
      do targets.push_back(ts_.ident("a label"));
      while (ts_.accept(','));
      ts_.expect(';', "after .branchtargets");
      scopes_.back().tables[name] = targets;
      return;
    }
    if (word == "callprototype" || word == "calltargets") {
      while (!ts_.accept(';')) ts_.next();
      return;
    }
  }
  scopes_.back().labels[name] = uint32_t(f_->code.size());
}

void FunctionDecoder::close_scope() {
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

void FunctionDecoder::branch(Instr& in) {
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
    for (const std::string& name : it->second) scopes_.back().uses.push_back({name, 0, int(in.aux), entry++, in.line});
    return;
  }
  fail(in.line, "brx.idx names the unknown target list " + label + ".");
}

std::vector<ParamVar> FunctionDecoder::param_list() {
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

void FunctionDecoder::call(Instr& in) {
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

}  // namespace cudasim
