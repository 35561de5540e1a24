#include <cstring>

#include "cases.h"
#include "harness.h"
#include "reference.h"
#include "values.h"

namespace conformance {

namespace {

constexpr uint64_t kPattern[2] = {0x8F1E2D3C4B5A6978, 0xF0E1D2C3B4A59687};

struct Access {
  std::string space;
  Type type;
  unsigned vec, size, reg;
  const char* file() const { return reg == 2 ? "%h" : reg == 4 ? "%r" : "%d4"; }
  std::string registers() const {
    std::string s;
    for (unsigned k = 0; k < vec; ++k) s += (k ? ", " : "") + std::string(file()) + std::to_string(k);
    return vec == 1 ? s : "{" + s + "}";
  }
};

Access access_of(const Spelling& s, bool wide) {
  Access a{"", s.type(0), s.has("v4") ? 4u : s.has("v2") ? 2u : 1u, cudasim::type_size(s.type(0)), 0};
  for (const char* space : {"global", "shared", "shared::cta", "local", "param", "const"})
    if (s.has(space)) a.space = space;
  a.reg = wide && !cudasim::is_float(a.type) ? 8 : std::max(2u, a.size);
  return a;
}

// Declarations, and %d3 as the address of 16 bytes of the space that hold %d50 and %d51.
std::string place(const std::string& space) {
  if (space == "shared" || space == "shared::cta")
    return ".shared .align 16 .b8 sh[512]; mov.b64 %d3, sh; mad.wide.u32 %d3, %t, 16, %d3; st.shared.b64 [%d3], %d50; "
           "st.shared.b64 [%d3+8], %d51;\n";
  if (space == "local")
    return ".local .align 16 .b8 lo[16]; mov.b64 %d3, lo; st.local.b64 [%d3], %d50; st.local.b64 [%d3+8], %d51;\n";
  if (space == "const") return "mov.b64 %d3, cc;\n";
  return "add.u64 %d3, %d1, 0;\n";
}

uint64_t bytes_at(const uint64_t* words, unsigned at, unsigned n) {
  uint64_t v = 0;
  std::memcpy(&v, reinterpret_cast<const uint8_t*>(words) + at, n);
  return v;
}

void load(const Spelling& s, bool wide) {
  const Access a = access_of(s, wide);
  const bool uniform = a.space == "const" || a.space == "param";
  const Word in = [&](unsigned i, unsigned k) {
    return uniform ? kPattern[k] : kPattern[k] + 0x1357924680ACE135ull * i;
  };
  std::string body = "ld.global.b64 %d50, [%d1]; ld.global.b64 %d51, [%d1+8];\n";
  if (a.space == "param") {  // the parameters of the kernel themselves
    body += s.text + " " + a.registers() + ", [p0];\n";
  } else {
    body += place(a.space) + s.text + " " + a.registers() + ", [%d3];\n";
  }
  for (unsigned k = 0; k < a.vec; ++k) {
    const std::string r = a.file() + std::to_string(k);
    if (a.reg < 8)
      body += "cvt.u64.u" + std::to_string(8 * a.reg) + " %d60, " + r + "; st.global.b64 [%d2+" +
              std::to_string(8 * k) + "], %d60;\n";
    else
      body += "st.global.b64 [%d2+" + std::to_string(8 * k) + "], " + r + ";\n";
  }
  if (a.space == "param") {
    // A second read by plain 64-bit loads gives what the parameters hold.
    body += "st.global.b64 [%d2+32], %p0; st.global.b64 [%d2+40], %p1;\n";
    Buffer out(32 * 48);
    const Run run = run_kernel(prologue(2) + "mad.wide.u32 %d2, %g, 48, %p1; mov.b64 %d1, %p1;\n" + body,
                               {kPattern[0], out.address}, {});
    if (!run.ok()) return fail(s.text + ": " + run.text());
    const uint64_t params[2] = {kPattern[0], out.address};
    for (unsigned k = 0; k < a.vec; ++k) {
      uint64_t want = bytes_at(params, k * a.size, a.size);
      if (cudasim::is_signed(a.type))
        want = uint64_t(integer(a.type, want)) & (a.reg == 8 ? ~0ull : (1ull << (8 * a.reg)) - 1);
      if (out.as<uint64_t>()[k] != want)
        return fail(s.text + ": element " + std::to_string(k) + " is " + hex(out.as<uint64_t>()[k]) + "; expected " +
                    hex(want));
    }
    cover(s.text);
    return;
  }
  const std::string constant =
      ".const .align 16 .b64 cc[2] = {" + std::to_string(kPattern[0]) + ", " + std::to_string(kPattern[1]) + "};";
  check(
      s.text, body, 2, in, a.vec,
      [&](unsigned i, unsigned k) {
        const uint64_t words[2] = {in(i, 0), in(i, 1)};
        uint64_t v = bytes_at(words, k * a.size, a.size);
        if (cudasim::is_signed(a.type))
          v = uint64_t(integer(a.type, v)) & (a.reg == 8 ? ~0ull : (1ull << (8 * a.reg)) - 1);
        return v;
      },
      {}, constant);
}

void store(const Spelling& s) {
  const Access a = access_of(s, false);
  const Word in = [&](unsigned i, unsigned k) { return kPattern[k & 1] + 0x1357924680ACE135ull * (i + k + 1); };
  std::string body;
  for (unsigned k = 0; k < a.vec; ++k)
    body += "ld.global.b" + std::to_string(8 * a.reg) + " " + a.file() + std::to_string(k) + ", [%d1+" +
            std::to_string(8 * k) + "];\n";
  body += "mov.b64 %d50, 0x1111111111111111; mov.b64 %d51, 0x1111111111111111;\n";
  const bool device = a.space.empty() || a.space == "global";
  body += device ? "mov.b64 %d3, %d2; st.global.b64 [%d3], %d50; st.global.b64 [%d3+8], %d51;\n" : place(a.space);
  body += s.text + " [%d3], " + a.registers() + ";\n";
  if (!device)
    body += "ld." + a.space + ".b64 %d52, [%d3]; ld." + a.space +
            ".b64 %d53, [%d3+8]; st.global.b64 [%d2], %d52; st.global.b64 [%d2+8], %d53;\n";
  check(s.text, body, 4, in, 2, [&](unsigned i, unsigned w) {
    uint64_t words[2] = {0x1111111111111111, 0x1111111111111111};
    for (unsigned k = 0; k < a.vec; ++k) {
      const uint64_t v = in(i, k);
      std::memcpy(reinterpret_cast<uint8_t*>(words) + k * a.size, &v, a.size);
    }
    return words[w];
  });
}

}  // namespace

void memory_cases() {
  for (const OpForm& f : cudasim::op_forms()) {
    const Op op = f.row->op;
    if (op != Op::kLd && op != Op::kSt) continue;
    std::vector<std::string> list = spellings_of(f, 800);
    // Every space with every type and vector length, besides the spellings that mix all words.
    if (f.opcode != "ldu" && f.row->pattern[2] == '[')
      for (const char* space : {"", ".global", ".shared", ".local", ".param", ".const"})
        for (const char* vec : {"", ".v2", ".v4"})
          for (const char* t :
               {"b8", "u8", "s8", "b16", "u16", "s16", "b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"})
            if (op == Op::kLd || (std::string(space) != ".param" && std::string(space) != ".const"))
              list.push_back(f.opcode + space + vec + "." + t);
    for (const std::string& text : list) {
      const Spelling s = parse_spelling(text);
      if (s.form != &f || (s.has("v4") && cudasim::type_size(s.type(0)) == 8)) continue;
      if (op == Op::kSt && s.has("param")) continue;  // a call's parameter: in the control cases
      if (op == Op::kSt) {
        store(s);
        continue;
      }
      load(s, false);
      load(s, true);
    }
  }
  for (const char* text :
       {"prefetch.L1", "prefetch.L2", "prefetch.global.L1", "prefetch.global.L2", "prefetch.local.L1",
        "prefetch.local.L2", "prefetch.global.L2::evict_last", "prefetch.global.L2::evict_normal", "prefetchu.L1"})
    check(
        text, std::string(text) + " [%d1]; ld.global.b64 %d3, [%d1]; st.global.b64 [%d2], %d3;", 1,
        [](unsigned i, unsigned) { return kPattern[0] * i; }, 1, [](unsigned i, unsigned) { return kPattern[0] * i; });
}

void copy_cases() {
  for (const OpForm& f : cudasim::op_forms()) {
    if (f.row->op != Op::kCpAsync) continue;
    for (const std::string& text : spellings_of(f, 100))
      for (const unsigned size : {4u, 8u, 16u})
        for (const int source : {-1, 0, 3, int(size)}) {
          if (size != 16 && text.find(".cg") != std::string::npos) continue;
          const Word in = [](unsigned i, unsigned k) { return kPattern[k] ^ (0x0101010101010101ull * (i + 1)); };
          const std::string copy = text + " [%d3], [%d1], " + std::to_string(size) +
                                   (source < 0 ? "" : ", " + std::to_string(source)) + ";\n";
          check(text,
                ".shared .align 16 .b8 sh[512]; mov.b64 %d50, 0; mov.b64 %d51, 0; mov.b64 %d3, sh; mad.wide.u32 %d3, "
                "%t, 16, %d3; st.shared.b64 [%d3], %d50; st.shared.b64 [%d3+8], %d51;\n" +
                    copy +
                    "cp.async.commit_group; cp.async.wait_group 0; ld.shared.b64 %d5, [%d3]; ld.shared.b64 %d6, "
                    "[%d3+8]; st.global.b64 [%d2], %d5; st.global.b64 [%d2+8], %d6;",
                2, in, 2, [&](unsigned i, unsigned k) {
                  const uint64_t from[2] = {in(i, 0), in(i, 1)};
                  uint64_t to[2] = {0, 0};
                  std::memcpy(to, from, source < 0 ? size : unsigned(source));
                  return to[k];
                });
        }
  }
  // Two groups: wait_group 1 lands the first, wait_all the second.
  const Word in = [](unsigned i, unsigned k) { return kPattern[k] + i; };
  const std::string two =
      ".shared .align 16 .b8 sh[512]; mov.b64 %d3, sh; mad.wide.u32 %d3, %t, 16, %d3; cp.async.ca.shared.global [%d3], "
      "[%d1], 8; cp.async.commit_group;\n"
      "cp.async.ca.shared.global [%d3+8], [%d1+8], 8; cp.async.commit_group;\n";
  const std::string out = "ld.shared.b64 %d6, [%d3+8]; st.global.b64 [%d2], %d5; st.global.b64 [%d2+8], %d6;";
  check("cp.async.wait_group", two + "cp.async.wait_group 1; ld.shared.b64 %d5, [%d3]; cp.async.wait_group 0;" + out, 2,
        in, 2, in);
  check("cp.async.commit_group", two + "cp.async.wait_group 1; ld.shared.b64 %d5, [%d3]; cp.async.wait_all;" + out, 2,
        in, 2, in);
  check("cp.async.wait_all", two + "cp.async.wait_all; ld.shared.b64 %d5, [%d3];" + out, 2, in, 2, in);
}

}  // namespace conformance
