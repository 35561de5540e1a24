// Module scope of PTX: directives, variables and function headers. Bodies are kept as token ranges for the decoder
// (decoder.h).
#include <cstring>

#include "ptx/module.h"
#include "ptx/parser.h"

namespace cudasim {

void ptx_error(uint32_t line, const std::string& where, const std::string& what) {
  throw SimError("PTX line " + std::to_string(line) + (where.empty() ? "" : " in " + where) + ": " + what);
}

const Token& TokenStream::expect(char c, const char* context) {
  const Token& t = next();
  if (t.kind != Tok::kPunct || t.punct != c)
    ptx_error(t.line, where, std::string("expected '") + c + "' " + context + ", found '" + token_text(t) + "'.");
  return t;
}

std::string token_text(const Token& t) {
  switch (t.kind) {
    case Tok::kIdent:
    case Tok::kString: return std::string(t.text);
    case Tok::kPunct: return std::string(1, t.punct);
    case Tok::kEnd: return "end of file";
    default: return std::to_string(t.value);
  }
}

std::string TokenStream::ident(const char* what) {
  const Token& t = next();
  if (t.kind != Tok::kIdent)
    ptx_error(t.line, where, std::string("expected ") + what + ", found '" + token_text(t) + "'.");
  return std::string(t.text);
}

uint64_t TokenStream::integer(const char* what) {
  const bool neg = accept('-');
  const Token& t = next();
  if (t.kind != Tok::kInt)
    ptx_error(t.line, where, std::string("expected ") + what + ", found '" + token_text(t) + "'.");
  return neg ? uint64_t(-int64_t(t.value)) : t.value;
}

VarDecl parse_var(TokenStream& ts) {
  VarDecl v;
  uint32_t elem = 0;
  unsigned vec = 1;
  while (ts.peek().kind == Tok::kPunct && ts.peek().punct == '.') {
    ts.next();
    const uint32_t line = ts.peek().line;
    const std::string word = ts.ident("a type or attribute");
    if (word == "align")
      v.align = uint32_t(ts.integer("an alignment"));
    else if (word == "v2")
      vec = 2;
    else if (word == "v4")
      vec = 4;
    else if (word == "ptr") { /* kernel parameter annotations say nothing about layout */
      while (ts.peek().kind == Tok::kPunct && ts.peek().punct == '.') {
        ts.next();
        if (ts.ident("an attribute") == "align") ts.integer("an alignment");
      }
    } else if (word == "attribute") {
      ts.expect('(', "after .attribute");
      while (!ts.accept(')')) ts.next();
    } else if (type_from_name(word) != Type::kNone) {
      v.type = type_from_name(word);
      elem = type_size(v.type);
    } else if (word == "texref" || word == "samplerref" || word == "surfref") {
      ptx_error(line, ts.where, "textures and surfaces (." + word + ") are not supported; use plain global loads.");
    } else {
      ptx_error(line, ts.where, "unknown word '." + word + "' in a variable declaration.");
    }
  }
  v.elem = elem;
  v.name = ts.ident("a variable name");
  uint64_t count = vec;
  while (ts.accept('[')) {
    if (ts.accept(']')) {
      v.unsized = true;
      continue;
    }
    count *= ts.integer("an array size");
    ts.expect(']', "after an array size");
  }
  v.size = elem * count;
  if (v.align == 0) v.align = elem * vec;
  if (v.align == 0) v.align = 1;
  return v;
}

static void parse_init(TokenStream& ts, GlobalVar* g, uint32_t elem, uint64_t* offset) {
  if (ts.accept('{')) {
    while (!ts.accept('}')) {
      parse_init(ts, g, elem, offset);
      ts.accept(',');
    }
    return;
  }
  const bool neg = ts.accept('-');
  const Token& t = ts.next();
  uint64_t bits = t.value;
  if (t.kind == Tok::kIdent) {
    std::string symbol(t.text);
    int64_t addend = 0;
    uint64_t mask_shift = 0;
    if (symbol == "generic") {
      ts.expect('(', "after generic");
      symbol = ts.ident("a symbol");
      ts.expect(')', "after a symbol");
    }
    if (ts.accept('+')) addend = int64_t(ts.integer("an offset"));
    (void)mask_shift;
    g->relocs.push_back({*offset, symbol, addend, uint8_t(elem)});
    *offset += elem;
    return;
  }
  if (t.kind == Tok::kPunct || t.kind == Tok::kEnd || t.kind == Tok::kString)
    ptx_error(t.line, ts.where, "unsupported initialiser '" + token_text(t) + "' of variable " + g->name + ".");
  if (neg) bits = uint64_t(-int64_t(bits));
  if (t.kind == Tok::kF64 && elem == 4) {
    double d;
    std::memcpy(&d, &bits, 8);
    const float f = float(d);
    uint32_t fb;
    std::memcpy(&fb, &f, 4);
    bits = fb;
  }
  if (g->init.size() < *offset + elem) g->init.resize(*offset + elem);
  std::memcpy(g->init.data() + *offset, &bits, elem);
  *offset += elem;
}

static uint32_t align_up(uint32_t v, uint32_t a) {
  return (v + a - 1) / a * a;
}

static void parse_params(TokenStream& ts, std::vector<ParamVar>* out) {
  if (!ts.accept('(')) return;
  uint32_t offset = 0;
  while (!ts.accept(')')) {
    ts.expect('.', "in a parameter list");
    const std::string word = ts.ident("param");
    if (word != "param")
      ptx_error(ts.peek().line, ts.where, "only .param parameters are supported, found ." + word + ".");
    const VarDecl v = parse_var(ts);
    ParamVar p;
    p.name = v.name;
    p.size = uint32_t(v.size);
    p.align = v.align;
    offset = align_up(offset, v.align);
    p.offset = offset;
    offset += p.size;
    out->push_back(p);
    ts.accept(',');
  }
}

static Builtin builtin_of(const std::string& name) {
  if (name == "vprintf") return Builtin::kVprintf;
  if (name == "__assertfail") return Builtin::kAssertFail;
  if (name == "malloc") return Builtin::kMalloc;
  if (name == "free") return Builtin::kFree;
  return Builtin::kUndefined;
}

Module::Module(std::string text, ModuleHooks* hooks) : text_(std::move(text)), tokens_(lex_ptx(text_)), hooks_(hooks) {
  TokenStream ts{&tokens_, 0, tokens_.size(), ""};
  while (ts.peek().kind != Tok::kEnd) {
    const Token& dot = ts.next();
    if (dot.kind == Tok::kPunct && dot.punct == ';') continue;
    if (dot.kind != Tok::kPunct || dot.punct != '.')
      ptx_error(dot.line, "", "expected a directive at module scope, found '" + token_text(dot) + "'.");
    std::string word = ts.ident("a directive");
    bool is_extern = false;
    while (word == "visible" || word == "extern" || word == "weak" || word == "common") {
      if (word == "extern") is_extern = true;
      ts.expect('.', "after a linkage directive");
      word = ts.ident("a directive");
    }
    if (word == "version") {
      ts.next();
      continue;
    }
    if (word == "address_size") {
      if (ts.integer("an address size") != 64) ptx_error(dot.line, "", "only 64-bit addresses are supported.");
      continue;
    }
    if (word == "target") {
      target_ = ts.ident("a target");
      while (ts.accept(',')) ts.next();
      continue;
    }
    if (word == "file") {
      const uint32_t id = uint32_t(ts.integer("a file number"));
      files_[id] = std::string(ts.next().text);
      while (ts.accept(',')) ts.next();
      continue;
    }
    if (word == "section") {
      while (!ts.accept('{')) ts.next();
      while (!ts.accept('}')) ts.next();
      continue;
    }
    if (word == "pragma" || word == "alias") {
      while (!ts.accept(';')) ts.next();
      continue;
    }
    if (word == "loc") {
      for (int i = 0; i < 3; ++i) ts.next();
      continue;
    }
    if (word == "global" || word == "const") {
      const VarDecl v = parse_var(ts);
      globals_.emplace_back();
      GlobalVar& g = globals_.back();
      g.name = v.name;
      g.space = word == "const" ? Space::kConst : Space::kGlobal;
      g.align = v.align;
      uint64_t offset = 0;
      if (ts.accept('=')) parse_init(ts, &g, v.elem, &offset);
      g.size = v.unsized ? offset : v.size;
      ts.expect(';', "after a variable");
      if (is_extern)
        ptx_error(dot.line, "",
                  "the variable " + g.name +
                      " is defined in another module; separate compilation (-rdc=true) is not supported.");
      global_by_name_[g.name] = &g;
      continue;
    }
    if (word == "shared") {
      const VarDecl v = parse_var(ts);
      ts.expect(';', "after a variable");
      SharedVar s;
      s.align = v.align;
      s.dynamic = is_extern;
      if (!is_extern) {
        s.offset = align_up(module_shared_bytes_, v.align);
        module_shared_bytes_ = s.offset + uint32_t(v.size);
      }
      shared_[v.name] = s;
      continue;
    }
    if (word == "entry" || word == "func") {
      auto f = std::make_unique<Function>();
      f->is_entry = word == "entry";
      while (ts.peek().kind == Tok::kPunct && ts.peek().punct == '.') {
        ts.next();
        ts.ident("an attribute");
      }
      if (!f->is_entry) parse_params(ts, &f->rets);
      f->name = ts.ident("a function name");
      ts.where = f->name;
      parse_params(ts, &f->params);
      while (ts.peek().kind == Tok::kPunct && ts.peek().punct == '.') {
        ts.next();
        const std::string d = ts.ident("a directive");
        if (d == "noreturn" || d == "unique" || d == "explicitcluster" || d == "blocksareclusters") continue;
        if (d == "pragma") {
          while (!ts.accept(';')) ts.next();
          continue;
        }
        uint64_t total = 1;
        do total *= ts.integer("a number");
        while (ts.accept(','));
        if (d == "maxntid")
          f->bounds.maxntid = uint32_t(total);
        else if (d == "reqntid")
          f->bounds.reqntid = uint32_t(total);
        else if (d == "minnctapersm")
          f->bounds.minnctapersm = uint32_t(total);
        else if (d == "maxnreg")
          f->bounds.maxnreg = uint32_t(total);
        else
          ptx_error(dot.line, f->name, "unsupported function directive ." + d + ".");
      }
      if (f->is_entry && !f->params.empty()) f->param_bytes = f->params.back().offset + f->params.back().size;
      if (!ts.accept(';')) {
        const Token& open = ts.expect('{', "at the start of a function body");
        f->has_body = true;
        f->body_begin = ts.pos;
        for (int depth = 1; depth > 0;) {
          const Token& t = ts.next();
          if (t.kind == Tok::kEnd) ptx_error(open.line, f->name, "the body has no closing brace.");
          if (t.kind == Tok::kPunct) depth += t.punct == '{' ? 1 : t.punct == '}' ? -1 : 0;
        }
        f->body_end = ts.pos - 1;
      }
      ts.where.clear();
      auto old = function_by_name_.find(f->name);
      if (old != function_by_name_.end()) {
        // A declaration and its definition share one object, so that calls decoded earlier stay valid.
        if (f->has_body) {
          const uint32_t index = old->second->index;
          *old->second = std::move(*f);
          old->second->index = index;
        }
        continue;
      }
      f->index = uint32_t(functions_.size());
      function_by_name_[f->name] = f.get();
      functions_.push_back(std::move(f));
      continue;
    }
    ptx_error(dot.line, "", "unknown directive '." + word + "'.");
  }
  for (auto& f : functions_)
    if (!f->has_body && !f->is_entry) f->builtin = builtin_of(f->name);
  for (GlobalVar& g : globals_) g.address = hooks_->allocate_global(g);
  for (GlobalVar& g : globals_) {
    for (const auto& r : g.relocs) {
      uint64_t value;
      if (auto it = global_by_name_.find(r.symbol); it != global_by_name_.end())
        value = it->second->address;
      else if (auto f = function_by_name_.find(r.symbol); f != function_by_name_.end())
        value = kFunctionWindow + 16 * (f->second->index + 1);
      else
        throw SimError("The initialiser of variable " + g.name + " names the unknown symbol " + r.symbol + ".");
      value += uint64_t(r.addend);
      if (g.init.size() < r.offset + r.size) g.init.resize(r.offset + r.size);
      std::memcpy(g.init.data() + r.offset, &value, r.size);
    }
    if (!g.init.empty()) hooks_->write_global(g.address, g.init.data(), g.init.size());
  }
}

Function* Module::entry(const std::string& name) {
  auto it = function_by_name_.find(name);
  if (it == function_by_name_.end() || !it->second->is_entry) return nullptr;
  decode(it->second);
  return it->second;
}

Function* Module::function_at(uint64_t pointer) {
  const uint64_t i = (pointer - kFunctionWindow) / 16 - 1;
  if ((pointer & kWindowMask) != kFunctionWindow || pointer % 16 || i >= functions_.size()) return nullptr;
  decode(functions_[i].get());
  return functions_[i].get();
}

const GlobalVar* Module::global(const std::string& name) const {
  auto it = global_by_name_.find(name);
  return it == global_by_name_.end() ? nullptr : it->second;
}

std::string Module::source_of(const SourceLoc& loc) const {
  auto name = [&](uint32_t id) {
    auto it = files_.find(id);
    return it == files_.end() ? std::string("file " + std::to_string(id)) : it->second;
  };
  if (loc.line == 0 && loc.inlined_line == 0) return "";
  std::string s = name(loc.file) + ":" + std::to_string(loc.line);
  if (loc.inlined_line) s += " (inlined at " + name(loc.inlined_file) + ":" + std::to_string(loc.inlined_line) + ")";
  return s;
}

}  // namespace cudasim
