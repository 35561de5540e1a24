// Runs every spelling of the instructions whose lanes do not meet, on special and random operands, with all lanes and
// under a guard, and compares each lane with the reference.
#include <cstdio>
#include <sstream>

#include "cases.h"
#include "harness.h"
#include "reference.h"
#include "values.h"

namespace conformance {

namespace {

constexpr size_t kInStride = 32, kOutStride = 32, kMaxLanes = 65536;
constexpr uint64_t kSentinel = 0x5A5A5A5A5A5A5A5A;

struct Operand {
  char letter;
  Type type;
  unsigned size;  // of its register; 0: a predicate
};

Type doubled(Type t) {
  switch (t) {
    case Type::kU16: return Type::kU32;
    case Type::kS16: return Type::kS32;
    case Type::kU32: return Type::kU64;
    default: return Type::kS64;
  }
}
Type element(Type t) {
  return t == Type::kF16x2 ? Type::kF16 : t == Type::kBF16x2 ? Type::kBF16 : t;
}
bool packed(Type t) {
  return element(t) != t;
}

struct Plan {
  std::vector<Operand> dests, sources;
  bool immediate = false, with_q = false, two_preds = false;
};

// widen: extra bytes of registers whose operand letter allows it (0: the natural size).
Plan plan_of(const Spelling& s, unsigned widen) {
  Plan p;
  std::istringstream in(s.form->row->operands);
  const bool bool_op =
      (s.form->row->op == Op::kSetp || s.form->row->op == Op::kSet) && (s.has("and") || s.has("or") || s.has("xor"));
  int seen_o = 0;
  for (std::string w; in >> w;) {
    if (w == "?q" && !bool_op) continue;
    char c = w[0] == '?' ? w[1] : w[0];
    Type t = s.type(0);
    if (c == 'O') c = seen_o++ ? 'a' : 'd';
    if (w == "p32")
      t = Type::kB32, c = 'd';
    else if (c == 'p' || c == 'q')
      t = Type::kPred;
    else if (c == 'w' || c == 'W')
      t = doubled(t);
    else if (c == 'x' || c == 'Y')
      t = s.type(1);
    else if (c == 'u')
      t = Type::kU32;
    if (c == 'i') {
      p.immediate = true;
      continue;
    }
    unsigned size = t == Type::kPred ? 0 : std::max(2u, cudasim::type_size(t));
    if ((c == 'D' || c == 'Y') && !cudasim::is_float(t)) size = std::max(size, widen);
    Operand o{c, t, size};
    if (c == 'd' || c == 'w' || c == 'D' || c == 'p')
      p.dests.push_back(o);
    else
      p.sources.push_back(o);
    if (c == 'q') p.with_q = true;
    if (w == "p|p") p.two_preds = true;
  }
  return p;
}

const char* file_of(unsigned size) {
  return size == 0 ? "%q" : size == 2 ? "%h" : size == 4 ? "%r" : "%d";
}
std::string reg(unsigned size, unsigned n) {
  return file_of(size) + std::to_string(size == 8 ? 10 + n : n);
}

std::string kernel(const Spelling& s, const Plan& p, uint64_t immediate) {
  std::ostringstream k;
  k << prologue(2) << "mad.wide.u32 %d1, %g, " << kInStride << ", %p0; mad.wide.u32 %d2, %g, " << kOutStride
    << ", %p1;\n";
  for (unsigned i = 0; i < p.sources.size(); ++i) {
    const unsigned size = p.sources[i].size;
    if (size == 0)
      k << "ld.global.b32 %r" << i << ", [%d1+" << 8 * i << "]; setp.ne.b32 %q" << i << ", %r" << i << ", 0;\n";
    else
      k << "ld.global.b" << 8 * size << " " << reg(size, i) << ", [%d1+" << 8 * i << "];\n";
  }
  // The guard leaves out some lanes; the destinations of the second run start with a sentinel.
  k << "mul.lo.u32 %r100, %g, 0x9E3779B1; shr.u32 %r100, %r100, 29; setp.lt.u32 %q8, %r100, 5;\n"
    << "mov.b64 %d31, 0x5A5A5A5A5A5A5A5A; mov.b32 %r21, 0x5A5A5A5A; mov.b16 %h21, 0x5A5A; setp.ne.b32 %q12, %t, %t; "
       "setp.ne.b32 %q13, %t, %t;\n";
  const unsigned dsize = p.dests[0].size;
  for (unsigned run = 0; run < 2; ++run) {
    if (run) k << "@%q8 ";
    k << s.text << " ";
    if (dsize == 0)
      k << "%q" << (run ? 12 : 10) << (p.two_preds ? (run ? "|%q13" : "|%q11") : "");
    else
      k << reg(dsize, 20 + run);
    for (unsigned i = 0; i < p.sources.size(); ++i)
      k << ", " << (run && p.sources[i].letter == 'q' ? "!" : "") << reg(p.sources[i].size, i);
    if (p.immediate) k << ", " << immediate;
    k << ";\n";
  }
  for (unsigned run = 0; run < 2; ++run) {
    if (dsize == 0) {
      k << "selp.b32 %r50, 1, 0, %q" << (run ? 12 : 10) << "; st.global.b32 [%d2+" << 16 * run << "], %r50;\n";
      if (p.two_preds)
        k << "selp.b32 %r50, 1, 0, %q" << (run ? 13 : 11) << "; st.global.b32 [%d2+" << 16 * run + 8 << "], %r50;\n";
    } else {
      k << "st.global.b" << 8 * dsize << " [%d2+" << 16 * run << "], " << reg(dsize, 20 + run) << ";\n";
    }
  }
  return k.str();
}

uint64_t low(uint64_t v, unsigned bytes) {
  return bytes >= 8 ? v : v & ((1ull << (8 * bytes)) - 1);
}

bool guarded(uint32_t lane) {
  return (lane * 0x9E3779B1u) >> 29 < 5;
}

Buffer& in_buffer() {
  static Buffer b(kMaxLanes * kInStride);
  return b;
}
Buffer& out_buffer() {
  static Buffer b(kMaxLanes * kOutStride);
  return b;
}

void fill(const Plan& p, size_t lanes, Random& random) {
  const size_t n = p.sources.size();
  std::vector<const std::vector<uint64_t>*> lists;
  for (const Operand& o : p.sources)
    lists.push_back(o.letter == 'u' ? &count_values() : &special_values(element(o.type)));
  for (size_t i = 0; i < lanes; ++i) {
    uint64_t* v = in_buffer().as<uint64_t>() + i * kInStride / 8;
    size_t rest = i;
    // All pairs where they fit, else three quarters of the lanes take pairs at random.
    size_t span = n == 1 ? lists[0]->size() : n == 2 ? lists[0]->size() * lists[1]->size() : 0;
    if (span > lanes * 3 / 4) {
      rest = random.next() % span;
      span = lanes * 3 / 4;
    }
    for (size_t k = 0; k < n; ++k) {
      const Operand& o = p.sources[k];
      if (packed(o.type)) {
        v[k] = pick(element(o.type), random) | pick(element(o.type), random) << 16;
      } else if (n == 1 && o.size == 2 && lanes == kMaxLanes) {
        v[k] = i;  // all of them
      } else if (i < span) {
        v[k] = (*lists[k])[rest % lists[k]->size()];
        rest /= lists[k]->size();
      } else if (o.letter == 'u') {
        v[k] = i % 3 ? (*lists[k])[random.next() % lists[k]->size()] : random.next() >> 32;
      } else {
        v[k] = pick(o.type, random);
      }
      // Garbage above narrow operands in wide registers.
      if ((o.letter == 'Y') && o.size > cudasim::type_size(o.type))
        v[k] |= random.next() << (8 * cudasim::type_size(o.type));
      v[k] = o.size ? low(v[k], o.size) : v[k];
    }
  }
}

// What a lane must give: one or two elements, or a predicate pair.
struct Wanted {
  Type type;
  Expect part[2];
  unsigned parts = 1;
  bool p = false, p2 = false;
};

Wanted wanted(const Spelling& s, const Plan& p, const uint64_t* in, bool q) {
  Wanted w{};
  const Op op = s.form->row->op;
  const Type t = s.type(0);
  w.type = p.dests[0].type;
  if (op == Op::kSetp) {
    const Type e = element(t);
    w.p = reference_compare(s, e, low(in[0], cudasim::type_size(e)), low(in[1], cudasim::type_size(e)), q);
    if (packed(t)) {
      w.p2 = reference_compare(s, e, in[0] >> 16, in[1] >> 16, q);
    } else {
      const bool r = !reference_ordering(s, e, in[0], in[1]);
      w.p2 = s.has("and") ? r && q : s.has("or") ? r || q : s.has("xor") ? r != q : r;
    }
  } else if (op == Op::kTestp) {
    w.p = reference_testp(s, in[0]);
  } else if (op == Op::kSet) {
    const Type from = s.type(1), e = element(from), d = element(t);
    const uint64_t yes = cudasim::is_float(d) ? encode(d, 1, Round::kNearest) : low(~0ull, cudasim::type_size(d));
    if (!packed(from)) {
      w.part[0] = exactly(reference_compare(s, e, in[0], in[1], q) ? yes : 0);
    } else {
      const uint64_t lane_yes = packed(t) ? yes : 0xFFFF;
      w.part[0] = exactly((reference_compare(s, e, in[0] & 0xFFFF, in[1] & 0xFFFF, q) ? lane_yes : 0) |
                          (reference_compare(s, e, in[0] >> 16, in[1] >> 16, q) ? lane_yes : 0) << 16);
    }
  } else if (op == Op::kCvt) {
    w.part[0] = reference_convert(s, in[0]);
  } else if (op == Op::kCvtPack2) {
    w.type = t;
    w.parts = 2;
    for (int k = 0; k < 2; ++k) w.part[k] = reference_pack(s, in[1 - k]);  // the first source is the upper half
  } else if (t == Type::kPred) {
    const bool a = in[0] & 1, b = in[1] & 1;
    w.p = op == Op::kAnd ? a && b : op == Op::kOr ? a || b : op == Op::kXor ? a != b : op == Op::kNot ? !a : a;
  } else if (op == Op::kMov) {
    w.part[0] = exactly(in[0]);
  } else if (s.form->row->cls == cudasim::OpClass::kInt || op == Op::kSelp || op == Op::kSlct) {
    w.part[0] = reference_int(s, {in, q});
  } else if (packed(t)) {
    w.parts = 2;
    uint64_t half[2][4];
    for (int k = 0; k < 4; ++k) {
      half[0][k] = in[k] & 0xFFFF;
      half[1][k] = in[k] >> 16 & 0xFFFF;
    }
    for (int k = 0; k < 2; ++k) w.part[k] = reference_float(s, element(t), {half[k], q});
  } else {
    w.part[0] = reference_float(s, t, {in, q});
  }
  return w;
}

bool agrees(const Wanted& w, const Plan& p, uint64_t out, uint64_t out2) {
  const Operand& d = p.dests[0];
  if (d.size == 0) return out == w.p && (!p.two_preds || out2 == w.p2);
  if (w.parts == 2)
    return matches(element(w.type), w.part[0], out & 0xFFFF) && matches(element(w.type), w.part[1], out >> 16 & 0xFFFF);
  const unsigned bytes = cudasim::type_size(d.type);
  if (w.part[0].kind == Expect::kBits) {
    // A wider destination is extended by the sign of signed types, else with zeros.
    uint64_t full = low(w.part[0].bits, bytes);
    if (d.size > bytes && cudasim::is_signed(d.type))
      full = low(uint64_t(int64_t(full << (64 - 8 * bytes)) >> (64 - 8 * bytes)), d.size);
    if (!w.part[0].any_zero) return out == full;
  }
  return matches(d.type == Type::kTF32 || d.type == Type::kB32 ? Type::kF32 : d.type, w.part[0], low(out, bytes));
}

void run_spelling(const Spelling& s, size_t lanes, unsigned widen, uint64_t immediate) {
  const Plan p = plan_of(s, widen);
  Random random;
  random.state += std::hash<std::string>{}(s.text);
  if (random.state == 0) random.state = 1;
  if (p.sources.size() == 1 && p.sources[0].size == 2 && cudasim::is_float(p.sources[0].type)) lanes = kMaxLanes;
  fill(p, lanes, random);
  for (size_t i = 0; i < lanes * kOutStride / 8; ++i) out_buffer().as<uint64_t>()[i] = 0;
  const Run run =
      run_kernel(kernel(s, p, immediate), {in_buffer().address, out_buffer().address}, {uint32_t(lanes / 128), 128});
  if (!run.ok()) return fail(s.text + ": " + run.text());
  const unsigned dbytes = p.dests[0].size ? p.dests[0].size : 4;
  for (size_t i = 0; i < lanes; ++i) {
    uint64_t* in = in_buffer().as<uint64_t>() + i * kInStride / 8;
    const uint64_t* out = out_buffer().as<uint64_t>() + i * kOutStride / 8;
    if (p.immediate) in[3] = immediate;
    const bool q = p.with_q && (in[p.sources.size() - 1] & 1);
    for (unsigned r = 0; r < 2; ++r) {
      bool good;
      if (r == 1 && !guarded(uint32_t(i)))
        good = p.dests[0].size == 0 ? out[2] == 0 && out[3] == 0 : out[2] == low(kSentinel, dbytes);
      else
        good = agrees(wanted(s, p, in, r ? !q : q), p, out[2 * r], out[2 * r + 1]);
      if (good) continue;
      const Wanted w = wanted(s, p, in, r ? !q : q);
      return fail(s.text + " of " + hex(in[0]) + ", " + hex(in[1]) + ", " + hex(in[2]) + ", " + hex(in[3]) + " gives " +
                  hex(out[2 * r]) + ", " + hex(out[2 * r + 1]) + "; expected " +
                  (p.dests[0].size ? hex(w.part[0].bits) + " / " + hex(w.part[1].bits) + " near " +
                                         std::to_string(double(w.part[0].value))
                                   : std::to_string(w.p) + ", " + std::to_string(w.p2)) +
                  (r ? " (under a guard)" : "") + (widen ? " (wide registers)" : ""));
    }
  }
  cover(s.text);
}

bool is_lanewise(const OpForm& f) {
  const Op op = f.row->op;
  if (op == Op::kAddCc || op == Op::kAddC || op == Op::kSubCc || op == Op::kSubC || op == Op::kMadCc || op == Op::kMadC)
    return false;
  if (op == Op::kCvta || op == Op::kIsspacep) return false;
  switch (f.row->cls) {
    case cudasim::OpClass::kInt:
    case cudasim::OpClass::kFloat:
    case cudasim::OpClass::kHalf:
    case cudasim::OpClass::kDouble:
    case cudasim::OpClass::kConvert:
    case cudasim::OpClass::kCompare:
    case cudasim::OpClass::kSpecial: return true;
    case cudasim::OpClass::kMove: return op == Op::kSelp || op == Op::kSlct || op == Op::kMov;
    default: return false;
  }
}

}  // namespace

void lanewise_cases() {
  for (const OpForm& f : cudasim::op_forms()) {
    if (!is_lanewise(f)) continue;
    std::vector<Spelling> list;
    for (const std::string& text : spellings_of(f, 100000)) {
      Spelling s = parse_spelling(text);
      if (s.form == &f && legal(s)) list.push_back(s);
    }
    const size_t lanes = list.size() > 300 ? 1024 : 16384;
    for (const Spelling& s : list) {
      if (f.row->op == Op::kLop3) {
        for (uint64_t table = 0; table < 256; ++table) run_spelling(s, 256, 0, table);
      } else {
        run_spelling(s, lanes, 0, 0);
        if (f.row->op == Op::kCvt && !(cudasim::is_float(s.type(0)) && cudasim::is_float(s.type(1)))) {
          run_spelling(s, 256, 4, 0);
          run_spelling(s, 256, 8, 0);
        }
      }
    }
  }
}

}  // namespace conformance
