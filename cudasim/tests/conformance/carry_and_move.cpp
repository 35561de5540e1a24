#include "cases.h"
#include "harness.h"
#include "reference.h"
#include "values.h"

namespace conformance {

// The chain of a wide addition: one instruction sets the carry, the next ones read it.
void carry_cases() {
  for (const Type t : {Type::kU32, Type::kS32, Type::kU64, Type::kS64}) {
    const unsigned n = 8 * cudasim::type_size(t);
    const std::string name = cudasim::type_name(t), r = n == 32 ? "%r" : "%d1";
    const uint64_t mask = n == 64 ? ~0ull : 0xFFFFFFFF;
    Random random;
    std::vector<uint64_t> values(3 * 256);
    for (uint64_t& v : values) v = pick(t, random);
    const Word in = [&](unsigned i, unsigned k) { return values[3 * i + k]; };
    std::string load;
    for (int k = 0; k < 3; ++k)
      load +=
          "ld.global.b" + std::to_string(n) + " " + r + std::to_string(k) + ", [%d1+" + std::to_string(8 * k) + "];\n";
    const std::string store =
        n == 32
            ? "cvt.u64.u32 %d40, %r5; cvt.u64.u32 %d41, %r6; st.global.b64 [%d2], %d40; st.global.b64 [%d2+8], %d41;\n"
            : "st.global.b64 [%d2], %d15; st.global.b64 [%d2+8], %d16;\n";
    const std::string a = r + "0", b = r + "1", c = r + "2", x = r + "5", y = r + "6", scratch = r + "7";
    auto low = [&](UnsignedWide v) { return uint64_t(v) & mask; };
    auto carry = [&](UnsignedWide v) { return uint64_t(v >> n) & 1; };
    auto half = [&](unsigned i, bool high) {
      const Wide p =
          cudasim::is_signed(t) ? integer(t, in(i, 0)) * integer(t, in(i, 1)) : Wide(UnsignedWide(in(i, 0)) * in(i, 1));
      return low(UnsignedWide(p) >> (high ? n : 0));
    };
    // a + b (or a - b) with the carry of the same operation before it, then the carry that it leaves.
    for (const bool sub : {false, true}) {
      const std::string op = sub ? "sub" : "add", start = op + ".cc." + name + " ", next = op + "c";
      auto first = [&](unsigned i) {
        return sub ? UnsignedWide(in(i, 0)) - in(i, 1) : UnsignedWide(in(i, 0)) + in(i, 1);
      };
      auto second = [&](unsigned i) { return sub ? first(i) - carry(first(i)) : first(i) + carry(first(i)); };
      auto left = [&](uint64_t bit) { return sub ? low(UnsignedWide(0) - bit) : bit; };
      const std::string end = next + "." + name + " " + y + ", 0, 0;\n";
      check(op + ".cc." + name, load + start + x + ", " + a + ", " + b + ";\n" + end + store, 3, in, 2,
            [&](unsigned i, unsigned k) { return k ? left(carry(first(i))) : low(first(i)); }, {2, 128});
      check(next + "." + name,
            load + start + scratch + ", " + a + ", " + b + ";\n" + next + "." + name + " " + x + ", " + a + ", " + b +
                ";\n" + end + store,
            3, in, 2, [&](unsigned i, unsigned k) { return k ? left(carry(first(i))) : low(second(i)); },
            {2, 128});  // without .cc the carry stays
      check(next + ".cc." + name,
            load + start + scratch + ", " + a + ", " + b + ";\n" + next + ".cc." + name + " " + x + ", " + a + ", " +
                b + ";\n" + end + store,
            3, in, 2, [&](unsigned i, unsigned k) { return k ? left(carry(second(i))) : low(second(i)); }, {2, 128});
    }
    for (const bool high : {false, true}) {
      const std::string part = high ? ".hi" : ".lo", abc = a + ", " + b + ", " + c + ";\n",
                        end = "addc." + name + " " + y + ", 0, 0;\n";
      auto sum = [&](unsigned i, uint64_t bit) { return UnsignedWide(half(i, high)) + in(i, 2) + bit; };
      auto before = [&](unsigned i) { return carry(UnsignedWide(in(i, 0)) + in(i, 1)); };
      const std::string set = "add.cc." + name + " " + scratch + ", " + a + ", " + b + ";\n";
      check("mad" + part + ".cc." + name, load + "mad" + part + ".cc." + name + " " + x + ", " + abc + end + store, 3,
            in, 2, [&](unsigned i, unsigned k) { return k ? carry(sum(i, 0)) : low(sum(i, 0)); }, {2, 128});
      check("madc" + part + "." + name, load + set + "madc" + part + "." + name + " " + x + ", " + abc + end + store, 3,
            in, 2, [&](unsigned i, unsigned k) { return k ? before(i) : low(sum(i, before(i))); }, {2, 128});
      check("madc" + part + ".cc." + name,
            load + set + "madc" + part + ".cc." + name + " " + x + ", " + abc + end + store, 3, in, 2,
            [&](unsigned i, unsigned k) { return k ? carry(sum(i, before(i))) : low(sum(i, before(i))); }, {2, 128});
    }
  }
}

void move_cases() {
  const Word in = [](unsigned i, unsigned) { return 0x0123456789ABCDEFull * (i + 1); };
  auto part = [&](unsigned i, unsigned bits, unsigned k) {
    return in(i, 0) >> (bits * k) & (bits == 64 ? ~0ull : (1ull << bits) - 1);
  };
  // Taking apart and putting together in another order.
  check("mov.b64",
        "ld.global.b64 %d3, [%d1]; mov.b64 {%r1, %r2}, %d3; mov.b64 %d4, {%r2, %r1}; st.global.b64 [%d2], %d4;", 1, in,
        1, [&](unsigned i, unsigned) { return part(i, 32, 0) << 32 | part(i, 32, 1); });
  check("mov.b64",
        "ld.global.b64 %d3, [%d1]; mov.b64 {%h1, %h2, %h3, %h4}, %d3; mov.b64 %d4, {%h4, %h1, %h3, %h2}; st.global.b64 "
        "[%d2], %d4;",
        1, in, 1, [&](unsigned i, unsigned) {
          return part(i, 16, 1) << 48 | part(i, 16, 2) << 32 | part(i, 16, 0) << 16 | part(i, 16, 3);
        });
  check("mov.b32",
        "ld.global.b32 %r3, [%d1]; mov.b32 {%h1, %h2}, %r3; mov.b32 %r4, {%h2, %h1}; cvt.u64.u32 %d4, %r4; "
        "st.global.b64 [%d2], %d4;",
        1, in, 1, [&](unsigned i, unsigned) { return part(i, 16, 0) << 16 | part(i, 16, 1); });
  struct SpecialRegister {
    const char* name;
    uint64_t (*value)(unsigned global);
  };
  // Two blocks of 64 threads.
  const SpecialRegister specials[] = {
      {"%tid.x", [](unsigned i) -> uint64_t { return i % 64; }},
      {"%ntid.x", [](unsigned) -> uint64_t { return 64; }},
      {"%ctaid.x", [](unsigned i) -> uint64_t { return i / 64; }},
      {"%nctaid.x", [](unsigned) -> uint64_t { return 2; }},
      {"%laneid", [](unsigned i) -> uint64_t { return i % 32; }},
      {"%warpid", [](unsigned i) -> uint64_t { return i / 32 % 2; }},
      {"%nwarpid", [](unsigned) -> uint64_t { return 2; }},
      {"%lanemask_eq", [](unsigned i) -> uint64_t { return 1u << i % 32; }},
      {"%lanemask_lt", [](unsigned i) -> uint64_t { return (1u << i % 32) - 1; }},
      {"%lanemask_le", [](unsigned i) -> uint64_t { return (2ull << i % 32) - 1; }},
      {"%lanemask_gt", [](unsigned i) -> uint64_t { return 0xFFFFFFFF & ~((2ull << i % 32) - 1); }},
      {"%lanemask_ge", [](unsigned i) -> uint64_t { return 0xFFFFFFFF & ~((1ull << i % 32) - 1); }}};
  for (const SpecialRegister& s : specials)
    check("mov.u32", std::string("mov.u32 %r1, ") + s.name + "; cvt.u64.u32 %d3, %r1; st.global.b64 [%d2], %d3;", 0, in,
          1, [&](unsigned i, unsigned) { return s.value(i); }, {2, 64});

  // Through the generic address and back; the value must be the one stored in the space.
  struct Place {
    const char *space, *declare, *base, *put;
  };
  const Place places[] = {{"global", "", "mov.b64 %d3, %d2;", "st.global.b64 [%d3], %d5;"},
                          {"shared", ".shared .align 8 .b8 sh[512];", "mov.b64 %d3, sh; mad.wide.u32 %d3, %t, 8, %d3;",
                           "st.shared.b64 [%d3], %d5;"},
                          {"local", ".local .align 8 .b8 lo[16];", "mov.b64 %d3, lo;", "st.local.b64 [%d3], %d5;"}};
  for (const Place& p : places) {
    const std::string space = p.space, begin = std::string(p.declare) + "ld.global.b64 %d5, [%d1]; " + p.base + p.put +
                                               " cvta." + space + ".u64 %d4, %d3;";
    for (const char* other : {"global", "shared", "shared::cta", "local", "const", "param"})
      check(std::string("isspacep.") + other,
            begin + " isspacep." + other + " %q1, %d4; selp.b64 %d6, 1, 0, %q1; st.global.b64 [%d2], %d6;", 1, in, 1,
            [&](unsigned, unsigned) -> uint64_t { return std::string(other).substr(0, space.size()) == space; });
    check("cvta." + space + ".u64", begin + " ld.b64 %d6, [%d4]; st.global.b64 [%d2], %d6;", 1, in, 1, in);
    check("cvta.to." + space + ".u64",
          begin + " cvta.to." + space + ".u64 %d6, %d4; ld." + space + ".b64 %d7, [%d6]; st.global.b64 [%d2], %d7;", 1,
          in, 1, in);
  }
  const std::string constant = ".const .align 8 .b64 cc = 81985529216486895;";
  const Word one_value = [](unsigned, unsigned) { return 0x0123456789ABCDEF; };
  check("cvta.const.u64", "mov.b64 %d3, cc; cvta.const.u64 %d4, %d3; ld.b64 %d5, [%d4]; st.global.b64 [%d2], %d5;", 0,
        in, 1, one_value, {}, constant);
  check("cvta.to.const.u64",
        "mov.b64 %d3, cc; cvta.const.u64 %d4, %d3; cvta.to.const.u64 %d6, %d4; ld.const.b64 %d5, [%d6]; st.global.b64 "
        "[%d2], %d5;",
        0, in, 1, one_value, {}, constant);
  check("cvta.param.u64",
        "mov.b64 %d3, p0; cvta.param.u64 %d4, %d3; ld.b64 %d5, [%d4]; sub.u64 %d5, %d5, %p0; st.global.b64 [%d2], %d5;",
        0, in, 1, [](unsigned, unsigned) -> uint64_t { return 0; });
  check("cvta.to.param.u64",
        "mov.b64 %d3, p1; cvta.param.u64 %d4, %d3; cvta.to.param.u64 %d6, %d4; ld.param.b64 %d5, [%d6]; sub.u64 %d5, "
        "%d5, %p1; st.global.b64 [%d2], %d5;",
        0, in, 1, [](unsigned, unsigned) -> uint64_t { return 0; });
}

}  // namespace conformance
