// The decoder of one function body. Each of decoder*.cpp holds the members of one idea.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "ptx/module.h"
#include "ptx/parser.h"
#include "ptx/register_frame.h"

namespace cudasim {

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

inline unsigned reg_size(Type t) {  // 0: a predicate
  return t == Type::kPred ? 0 : type_size(t);
}

class FunctionDecoder {
 public:
  FunctionDecoder(Module* m, Function* f)
      : m_(m), f_(f), ts_{&m->tokens_, f->body_begin, f->body_end, f->name}, frame_(f) {}

  void run();

 private:
  // What an instruction reads or writes: a slot, and the size of its register.
  struct Source {
    uint32_t slot = 0;
    unsigned size = 0;
    bool negated = false;
  };

  Module* m_;
  Function* f_;
  TokenStream ts_;
  RegisterFrame frame_;
  std::vector<Scope> scopes_;
  uint32_t loc_ = 0, shared_end_ = 0;
  bool uses_module_shared_ = false;
  std::string opcode_text_;

  [[noreturn]] void fail(uint32_t line, const std::string& what) { ptx_error(line, "kernel " + f_->name, what); }

  void statement();

  // Declarations and names.
  void declare_params();
  uint32_t place_local(uint64_t size, uint32_t align);
  Var* find_var(const std::string& name);
  Var* expect_reg(const Token& t);
  void directive();
  void do_registers();

  // Operands. What is relaxed may have a wider register than the instruction wants.
  // A symbol's address as a slot of the given size.
  uint32_t symbol_slot(const std::string& name, unsigned size, int64_t offset, uint32_t line);
  // A register, immediate, special register or symbol. size: what the instruction wants (0: predicate).
  Source source(Type type, bool relaxed);
  void check_size(const Token& t, const Var& v, unsigned want, bool relaxed);
  // A register, or _ for a result that nobody wants.
  Source dest(Type type, bool relaxed);
  // An address in brackets.
  void memory(uint32_t* slot, uint8_t* size, int64_t* offset, Space* space);
  // {%a, %b}: appended to Function::slots; in.aux is the first vector's start, in.vec the length of memory vectors.
  void vector(Instr& in, Type type, bool is_dest);
  // [map, {x, y}]: the coordinates are appended to Function::slots.
  Source tensor(Instr& in);

  // Instructions.
  void instruction();
  void emit(Instr& in, const std::string& text);
  void operands(Instr& in, const char* spec);
  size_t count_operands() const;
  void mov(Instr& in);
  void wgmma_immediate(Instr& in, int64_t value);
  void unpack_list(Instr& in, bool is_dest);

  // Control flow.
  void label();        // or a list of branch targets
  void close_scope();  // resolves the labels that the scope defines
  void branch(Instr& in);
  std::vector<ParamVar> param_list();
  void call(Instr& in);
};

}  // namespace cudasim
