#include "cases.h"
#include "harness.h"
#include "reference.h"
#include "values.h"

namespace conformance {

namespace {

const Word& words() {
  static const Word w = [](unsigned i, unsigned k) {
    Random r;
    r.state += 7919 * i + 104729 * (k + 1);
    for (int n = 0; n < 4; ++n) r.next();
    return r.next();
  };
  return w;
}

void shuffles() {
  for (const char* mode : {"up", "down", "bfly", "idx"})
    for (const uint32_t c : {0u, 31u, 0x1F1Fu, 0x1C1Fu, 0x181Fu, 0x1800u, 0x0Fu, 0x10FFu})
      for (const int fixed : {-1, 0, 1, 5, 16, 31, 37}) {
        auto lane_b = [&](unsigned i) { return fixed < 0 ? uint32_t(words()(i, 1)) : uint32_t(fixed); };
        // The formula of the ISA.
        auto source = [&](unsigned i, bool* ok) -> unsigned {
          const int lane = int(i), b = int(lane_b(i) & 31), cval = int(c & 31), mask = int(c >> 8 & 31);
          const int high = (lane & mask) | (cval & ~mask), low = lane & mask;
          const std::string m = mode;
          const int j = m == "up" ? lane - b : m == "down" ? lane + b : m == "bfly" ? lane ^ b : low | (b & ~mask);
          *ok = m == "up" ? j >= high : j <= high;
          return unsigned(*ok ? j : lane);
        };
        const std::string text = std::string("shfl.sync.") + mode + ".b32";
        check(
            text,
            "ld.global.b32 %r1, [%d1]; ld.global.b32 %r2, [%d1+8]; " + text + " %r3|%q1, %r1, %r2, " +
                std::to_string(c) + ", 0xFFFFFFFF;\n" +
                "cvt.u64.u32 %d3, %r3; selp.b64 %d4, 1, 0, %q1; st.global.b64 [%d2], %d3; st.global.b64 [%d2+8], %d4;",
            2, [&](unsigned i, unsigned k) { return k ? uint64_t(lane_b(i)) : words()(i, 0); }, 2,
            [&](unsigned i, unsigned k) -> uint64_t {
              bool ok;
              const unsigned j = source(i, &ok);
              return k ? ok : words()(j, 0) & 0xFFFFFFFF;
            });
      }
}

// Runs `op` on the members of `mask` only; the other lanes skip it.
std::string among(uint32_t mask, const std::string& op) {
  return "mov.u32 %r90, %laneid; shr.u32 %r91, " + std::to_string(mask) +
         ", %r90; and.b32 %r91, %r91, 1; setp.eq.u32 %q9, %r91, 0; mov.b32 %r3, 0; setp.ne.u32 %q1, %t, %t; @%q9 bra "
         "SKIP;\n" +
         op + "\nSKIP:\n";
}

}  // namespace

void warp_cases() {
  shuffles();
  for (const uint32_t mask : {0xFFFFFFFFu, 0x000FFFFFu, 0xA5A5F00Fu, 0x00000010u}) {
    const std::string m = std::to_string(mask);
    auto member = [&](unsigned i) { return mask >> i & 1; };
    for (const unsigned density : {0u, 1u, 2u}) {  // none, some, all lanes true
      auto truth = [&](unsigned i) { return density == 0 ? 0u : density == 2 ? 1u : unsigned(words()(i, 3) & 1); };
      uint32_t ballot = 0;
      for (unsigned i = 0; i < 32; ++i) ballot |= (member(i) & truth(i)) << i;
      const Word in = [&](unsigned i, unsigned) -> uint64_t { return truth(i); };
      for (const char* text : {"vote.sync.all.pred", "vote.sync.any.pred", "vote.sync.uni.pred", "vote.all.sync.pred",
                               "vote.any.sync.pred", "vote.uni.sync.pred"}) {
        const Spelling s = parse_spelling(text);
        const bool want = s.has("all") ? ballot == mask : s.has("any") ? ballot != 0 : ballot == 0 || ballot == mask;
        check(text,
              "ld.global.b32 %r1, [%d1]; setp.ne.b32 %q2, %r1, 0;" +
                  among(mask, std::string(text) + " %q1, %q2, " + m + ";") +
                  "selp.b64 %d3, 1, 0, %q1; st.global.b64 [%d2], %d3;",
              1, in, 1, [&](unsigned i, unsigned) -> uint64_t { return member(i) && want; });
      }
      for (const char* text : {"vote.sync.ballot.b32", "vote.ballot.sync.b32"})
        check(text,
              "ld.global.b32 %r1, [%d1]; setp.ne.b32 %q2, %r1, 0;" +
                  among(mask, std::string(text) + " %r3, %q2, " + m + ";") +
                  "cvt.u64.u32 %d3, %r3; st.global.b64 [%d2], %d3;",
              1, in, 1, [&](unsigned i, unsigned) -> uint64_t { return member(i) ? ballot : 0; });
    }
    for (const unsigned bits : {32u, 64u})
      for (const bool equal : {false, true}) {
        const std::string b = std::to_string(bits), a = bits == 32 ? "%r1" : "%d5";
        const Word in = [&](unsigned i, unsigned) -> uint64_t {
          return equal ? 77 : (words()(i, 4) & 3) * 0x4000000040000001;
        };
        auto same = [&](unsigned i) {
          uint32_t r = 0;
          for (unsigned j = 0; j < 32; ++j) r |= uint32_t(member(j) && in(i, 0) == in(j, 0)) << j;
          return r;
        };
        bool all = true;
        for (unsigned i = 0; i < 32; ++i) all &= !member(i) || same(i) == mask;
        const std::string
            begin = "ld.global.b" + b + " " + a + ", [%d1];",
            end =
                "cvt.u64.u32 %d3, %r3; selp.b64 %d4, 1, 0, %q1; st.global.b64 [%d2], %d3; st.global.b64 [%d2+8], %d4;";
        check("match.any.sync.b" + b, begin + among(mask, "match.any.sync.b" + b + " %r3, " + a + ", " + m + ";") + end,
              1, in, 2, [&](unsigned i, unsigned k) -> uint64_t { return member(i) && k == 0 ? same(i) : 0; });
        check("match.all.sync.b" + b,
              begin + among(mask, "match.all.sync.b" + b + " %r3|%q1, " + a + ", " + m + ";") + end, 1, in, 2,
              [&](unsigned i, unsigned k) -> uint64_t { return !member(i) || !all ? 0
                                                               : k                ? 1
                                                                                  : mask; });
      }
    for (const char* text :
         {"redux.sync.add.u32", "redux.sync.add.s32", "redux.sync.min.u32", "redux.sync.min.s32", "redux.sync.max.u32",
          "redux.sync.max.s32", "redux.sync.and.b32", "redux.sync.or.b32", "redux.sync.xor.b32"}) {
      const Spelling s = parse_spelling(text);
      const Type t = s.type(0);
      Wide r = 0;
      bool first = true;
      for (unsigned i = 0; i < 32; ++i) {
        if (!member(i)) continue;
        const Wide v = integer(t, words()(i, 0));
        r = first          ? v
            : s.has("add") ? r + v
            : s.has("min") ? (v < r ? v : r)
            : s.has("max") ? (v > r ? v : r)
            : s.has("and") ? (r & v)
            : s.has("or")  ? (r | v)
                           : (r ^ v);
        first = false;
      }
      check(text,
            "ld.global.b32 %r1, [%d1];" + among(mask, std::string(text) + " %r3, %r1, " + m + ";") +
                "cvt.u64.u32 %d3, %r3; st.global.b64 [%d2], %d3;",
            1, words(), 1, [&](unsigned i, unsigned) -> uint64_t { return member(i) ? uint32_t(r) : 0; });
    }
    check("activemask.b32", among(mask, "activemask.b32 %r3;") + "cvt.u64.u32 %d3, %r3; st.global.b64 [%d2], %d3;", 0,
          words(), 1, [&](unsigned i, unsigned) -> uint64_t { return member(i) ? mask : 0; });
    // Memory written before a warp barrier is read by the neighbour behind it.
    check("bar.warp.sync",
          ".shared .align 4 .b32 sh[32]; mov.u32 %r90, sh; mad.lo.u32 %r4, %t, 4, %r90; xor.b32 %r5, %t, 1; mad.lo.u32 "
          "%r5, %r5, 4, %r90; st.shared.b32 [%r4], %t; bar.warp.sync 0xFFFFFFFF;\n"
          "ld.shared.b32 %r3, [%r5]; cvt.u64.u32 %d3, %r3; st.global.b64 [%d2], %d3;",
          0, words(), 1, [](unsigned i, unsigned) -> uint64_t { return i ^ 1; });
  }
}

}  // namespace conformance
