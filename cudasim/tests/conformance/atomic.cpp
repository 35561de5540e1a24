#include "cases.h"
#include "harness.h"
#include "reference.h"
#include "values.h"

namespace conformance {

namespace {

uint64_t updated(const Spelling& s, uint64_t old, uint64_t b, uint64_t c, bool global) {
  const Type t = s.type(0);
  const uint64_t mask = cudasim::type_size(t) == 8 ? ~0ull : (1ull << (8 * cudasim::type_size(t))) - 1;
  if (s.has("exch")) return b;
  if (s.has("cas")) return old == b ? c : old;
  if (s.has("and")) return old & b;
  if (s.has("or")) return old | b;
  if (s.has("xor")) return old ^ b;
  if (s.has("inc")) return old >= b ? 0 : old + 1;
  if (s.has("dec")) return old == 0 || old > b ? b : old - 1;
  if (s.has("min")) return integer(t, old) < integer(t, b) ? old : b;
  if (s.has("max")) return integer(t, old) < integer(t, b) ? b : old;
  if (t == Type::kF16x2 || t == Type::kBF16x2) {
    const Type e = t == Type::kF16x2 ? Type::kF16 : Type::kBF16;
    return arithmetic(e, '+', old & 0xFFFF, b & 0xFFFF, 0, Round::kNearest) |
           arithmetic(e, '+', old >> 16, b >> 16, 0, Round::kNearest) << 16;
  }
  if (t == Type::kF32 && global) {  // in global memory, but not in shared memory, subnormals are flushed
    auto flush = [](uint64_t v) { return is_subnormal(Type::kF32, v) ? v & 0x80000000 : v; };
    return flush(arithmetic(t, '+', flush(old), flush(b), 0, Round::kNearest));
  }
  if (cudasim::is_float(t)) return arithmetic(t, '+', old, b, 0, Round::kNearest);
  return (old + b) & mask;
}

uint64_t operand(Type t, Random& random) {
  for (;;) {
    if (t == Type::kF16x2 || t == Type::kBF16x2) {
      const Type e = t == Type::kF16x2 ? Type::kF16 : Type::kBF16;
      return operand(e, random) | operand(e, random) << 16;
    }
    const uint64_t v = pick(t, random);
    if (!cudasim::is_float(t) || decode(t, v) - decode(t, v) == 0) return v;  // finite: payloads of NaN are open
  }
}

// Each thread updates a word of its own: the old value comes back, the new one stands in memory.
void own_word(const Spelling& s) {
  const Type t = s.type(0);
  const unsigned size = cudasim::type_size(t);
  const bool shared = s.has("shared") || s.has("shared::cta"), atom = s.opcode == "atom", cas = s.has("cas");
  const std::string space = shared ? "shared" : "global", bits = "b" + std::to_string(8 * size),
                    file = size == 2   ? "%h"
                           : size == 4 ? "%r"
                                       : "%d4";
  Random random;
  std::vector<uint64_t> values(3 * 128);
  for (size_t i = 0; i < 128; ++i) {
    for (size_t k = 0; k < 3; ++k) values[3 * i + k] = operand(t, random);
    if ((cas || s.has("inc") || s.has("dec")) && i % 2) values[3 * i + 1] = values[3 * i];
  }
  std::string body = ".shared .align 8 .b8 sh[512];\n";
  for (int k = 0; k < 3; ++k)
    body += "ld.global." + bits + " " + file + std::to_string(k) + ", [%d1+" + std::to_string(8 * k) + "];\n";
  body += shared ? "mov.b64 %d3, sh; mad.wide.u32 %d3, %t, 8, %d3;\n" : "add.u64 %d3, %d1, 0;\n";
  body += "mov.b64 %d50, 0; st." + space +
          ".b64 [%d3], %d50; st.global.b64 [%d2], %d50; st.global.b64 [%d2+8], %d50; st." + space + "." + bits +
          " [%d3], " + file + "0;\n";
  body += s.text + " " + (atom ? file + "5, " : "") + "[%d3], " + file + "1" + (cas ? ", " + file + "2" : "") + ";\n";
  if (atom) body += "st.global." + bits + " [%d2], " + file + "5;\n";
  body += "ld." + space + "." + bits + " " + file + "6, [%d3]; st.global." + bits + " [%d2+8], " + file + "6;\n";
  const Word in = [&](unsigned i, unsigned k) { return values[3 * i + k]; };
  check(s.text, body, 3, in, 2,
        [&](unsigned i, unsigned k) -> uint64_t {
          if (k == 0) return atom ? in(i, 0) : 0;
          return updated(s, in(i, 0), in(i, 1), in(i, 2), !shared);
        },
        {4, 32});
}

}  // namespace

void atomic_cases() {
  for (const OpForm& f : cudasim::op_forms())
    if (f.row->op == Op::kAtom || f.row->op == Op::kRed)
      for (const std::string& text : spellings_of(f, 200)) own_word(parse_spelling(text));
  // All threads of a block meet at one word: each old value occurs once.
  Buffer counter(8);
  *counter.as<uint64_t>() = 0;
  Buffer seen(256 * 4);
  const Run run = run_kernel(
      prologue(2) + "atom.global.add.u32 %r1, [%p0], 3; mad.wide.u32 %d1, %g, 4, %p1; st.global.b32 [%d1], %r1;",
      {counter.address, seen.address}, {1, 256});
  if (!run.ok()) fail("contended atom.add: " + run.text());
  uint64_t sum = 0;
  for (int i = 0; i < 256; ++i) sum += seen.as<uint32_t>()[i];
  if (*counter.as<uint32_t>() != 768 || sum != 3 * 255 * 128)
    fail("256 threads that add 3 to one word leave " + std::to_string(*counter.as<uint32_t>()));
}

}  // namespace conformance
