// Turns the tokens of one function body into pre-decoded instructions: slots for registers, indices for labels.
#include <algorithm>

#include "ptx/decoder.h"

namespace cudasim {

void FunctionDecoder::run() {
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

void FunctionDecoder::statement() {
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
    label();
    return;
  }
  instruction();
}

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
