#include "cases.h"
#include "harness.h"
#include "spelling.h"

namespace conformance {

namespace {

const Word kNothing = [](unsigned, unsigned) -> uint64_t { return 0; };
const char* const kOut = "cvt.u64.u32 %d3, %r3; st.global.b64 [%d2], %d3;";

void branches() {
  for (const char* text : {"bra", "bra.uni"})
    check(text, std::string("mov.b32 %r3, 1; ") + text + " OVER; mov.b32 %r3, 2;\nOVER:\n" + kOut, 0, kNothing, 1,
          [](unsigned, unsigned) -> uint64_t { return 1; });
  // A loop that each lane leaves at another time.
  check("bra",
        std::string("mov.b32 %r3, 0; mov.b32 %r4, 0;\nAGAIN:\nadd.u32 %r4, %r4, 1; add.u32 %r3, %r3, %r4; setp.le.u32 "
                    "%q1, %r4, %t; @%q1 bra AGAIN;\n") +
            kOut,
        0, kNothing, 1, [](unsigned i, unsigned) -> uint64_t { return (i + 1) * (i + 2) / 2; });
  for (const char* text : {"brx.idx", "brx.idx.uni"}) {
    const bool uniform = std::string(text) == "brx.idx.uni";
    check(text,
          std::string("and.b32 %r1, %t, 3;") + (uniform ? "mov.b32 %r1, 2;" : "") +
              "\nTABLE: .branchtargets B0, B1, B2, B3;\n" + text + " %r1, TABLE;\n" +
              "B0: mov.b32 %r3, 10; bra END;\nB1: mov.b32 %r3, 11; bra END;\nB2: mov.b32 %r3, 12; bra END;\nB3: "
              "mov.b32 %r3, 13;\nEND:\n" +
              kOut,
          0, kNothing, 1, [=](unsigned i, unsigned) -> uint64_t { return 10 + (uniform ? 2 : i & 3); });
  }
}

void calls() {
  for (const char* suffix : {"", ".uni"}) {
    // The function returns early for odd lanes: ret under divergence.
    const std::string function =
        std::string(
            ".func (.param .b32 out) twice(.param .b32 in, .param .b64 more)\n{ .reg .b32 %r<8>; .reg .b64 %d<4>; .reg "
            ".pred %p<2>;\n"
            "ld.param.b32 %r1, [in]; ld.param.b64 %d1, [more]; cvt.u32.u64 %r2, %d1; and.b32 %r4, %r1, 1; setp.eq.u32 "
            "%p1, %r4, 1; add.u32 %r3, %r1, %r2; st.param.b32 [out], %r3;\n"
            "@%p1 ret") +
        suffix + "; add.u32 %r3, %r3, %r3; st.param.b32 [out], %r3; ret; }\n";
    const std::string body = std::string(
                                 "cvt.u64.u32 %d9, %t; mul.lo.u64 %d9, %d9, 100;\n{ .param .b32 a0; .param .b64 a1; "
                                 ".param .b32 r0; st.param.b32 [a0], %t; st.param.b64 [a1], %d9; call") +
                             suffix + " (r0), twice, (a0, a1); ld.param.b32 %r3, [r0]; }\n" + kOut;
    const Word want = [](unsigned i, unsigned) -> uint64_t { return i & 1 ? 101 * i : 202 * i; };
    check("call" + std::string(suffix), body, 0, kNothing, 1, want, {}, function);
    check("ret" + std::string(suffix), body, 0, kNothing, 1, want, {}, function);
  }
  check("exit",
        "setp.gt.u32 %q1, %t, 9; mov.b64 %d3, 5; st.global.b64 [%d2], %d3; @%q1 exit; mov.b64 %d3, 6; st.global.b64 "
        "[%d2], %d3;",
        0, kNothing, 1, [](unsigned i, unsigned) -> uint64_t { return i > 9 ? 5 : 6; });
  check("nanosleep.u32", "nanosleep.u32 20; mov.b64 %d3, 5; st.global.b64 [%d2], %d3;", 0, kNothing, 1,
        [](unsigned, unsigned) -> uint64_t { return 5; });
  check("pmevent", "pmevent 3; mov.b64 %d3, 5; st.global.b64 [%d2], %d3;", 0, kNothing, 1,
        [](unsigned, unsigned) -> uint64_t { return 5; });
  for (const char* text : {"trap", "brkpt"}) {
    const Run run = run_kernel(std::string(text) + ";", {}, {});
    if (run.error == 0)
      fail(std::string(text) + " must end the kernel with an error.");
    else
      cover(text);
  }
}

// Thread i reads behind the barrier what a thread of the other warp wrote before it.
std::string exchange(const std::string& barrier) {
  return ".shared .align 4 .b32 sh[64]; mov.u32 %r90, sh; mad.lo.u32 %r4, %t, 4, %r90; xor.b32 %r5, %t, 33; mad.lo.u32 "
         "%r5, %r5, 4, %r90; add.u32 %r6, %t, 7; st.shared.b32 [%r4], %r6; " +
         barrier + " ld.shared.b32 %r3, [%r5];" + kOut;
}

void barriers() {
  const Word crossed = [](unsigned i, unsigned) -> uint64_t { return (i ^ 33) + 7; };
  std::vector<std::string> forms;
  for (const OpForm& f : cudasim::op_forms()) {
    const Op op = f.row->op;
    if (op != Op::kBar && op != Op::kBarRed && op != Op::kBarArrive) continue;
    for (const std::string& text : spellings_of(f, 100)) {
      const Spelling s = parse_spelling(text);
      if (op == Op::kBar) {
        check(text, exchange(text + " 0;"), 0, kNothing, 1, crossed, {1, 64});
        check(text, exchange(text + " 3, 64;"), 0, kNothing, 1, crossed, {1, 64});
      } else if (op == Op::kBarRed) {
        for (const unsigned below : {0u, 20u, 64u}) {
          const std::string condition = "setp.lt.u32 %q1, %t, " + std::to_string(below) + "; ";
          const bool popc = s.has("popc");
          const uint64_t want = popc ? below : s.has("and") ? below == 64 : below > 0;
          check(text, condition + text + (popc ? " %r3, 1, %q1; " : " %q2, 1, %q1; selp.b32 %r3, 1, 0, %q2; ") + kOut,
                0, kNothing, 1, [=](unsigned, unsigned) { return want; }, {1, 64});
          check(
              text,
              condition + text + (popc ? " %r3, 2, 64, !%q1; " : " %q2, 2, 64, !%q1; selp.b32 %r3, 1, 0, %q2; ") + kOut,
              0, kNothing, 1,
              [=](unsigned, unsigned) -> uint64_t {
                return popc ? 64 - below : s.has("and") ? below == 0 : below < 64;
              },
              {1, 64});
        }
      } else {
        // Warp 0 produces and only arrives; warp 1 waits and reads.
        const std::string wait = s.opcode == "bar" ? "bar.sync 4, 64;" : "barrier.sync 4, 64;";
        check(text,
              ".shared .align 4 .b32 sh[32]; mov.u32 %r90, sh; and.b32 %r6, %t, 31; mad.lo.u32 %r4, %r6, 4, %r90; "
              "setp.ge.u32 %q1, %t, 32; mov.b32 %r3, 0; @%q1 bra READ;\n"
              "mul.lo.u32 %r5, %t, 3; st.shared.b32 [%r4], %r5; " +
                  text + " 4, 64; bra DONE;\nREAD: " + wait + " ld.shared.b32 %r3, [%r4];\nDONE:\n" + kOut,
              0, kNothing, 1, [](unsigned i, unsigned) -> uint64_t { return i < 32 ? 0 : 3 * (i - 32); }, {1, 64});
      }
    }
  }
}

}  // namespace

void control_cases() {
  branches();
  calls();
  barriers();
  for (const OpForm& f : cudasim::op_forms())
    if (f.row->op == Op::kFence)
      for (const std::string& text : spellings_of(f, 100))
        check(text, "st.global.b64 [%d2], %p0; " + text + "; mov.b64 %d3, 9; st.global.b64 [%d2], %d3;", 0, kNothing, 1,
              [](unsigned, unsigned) -> uint64_t { return 9; });
  // Parameters of calls, in every spelling of st.param that the table has.
  for (const OpForm& f : cudasim::op_forms()) {
    if (f.row->op != Op::kSt) continue;
    const std::string function =
        ".func (.param .b64 out) same(.param .b64 in)\n{ .reg .b64 %d<4>; ld.param.b64 %d1, [in]; st.param.b64 [out], "
        "%d1; ret; }\n";
    check(
        "st.param.b64",
        "ld.global.b64 %d9, [%d1];\n{ .param .b64 a0; .param .b64 r0; st.param.b64 [a0], %d9; call (r0), same, (a0); "
        "ld.param.b64 %d3, [r0]; }\nst.global.b64 [%d2], %d3;",
        1, [](unsigned i, unsigned) -> uint64_t { return 0x123456789 * (i + 1); }, 1,
        [](unsigned i, unsigned) -> uint64_t { return 0x123456789 * (i + 1); }, {}, function);
  }
}

// What is not supported is refused with its name, never guessed.
void refusal_cases() {
  struct Refused {
    const char *body, *word;
  };
  for (const Refused& r : {Refused{"mbarrier.complete_tx.relaxed.cta.shared.b64 [%d1], 16;", "mbarrier.complete_tx"},
                           {"wmma.load.a.sync.aligned.row.m16n16k16.f16 {%r1}, [%d1];", "wmma"},
                           {"stmatrix.sync.aligned.m16n8.x1.trans.shared.b8 [%r1], {%r2};", "stmatrix"},
                           {"mov.u32 %r1, %envreg3;", "%envreg3"},
                           {"add.u8 %h1, %h2, %h3;", "add.u8"},
                           {"min.abs.f32 %r1, %r2, %r3;", "min.abs.f32"},
                           {"frobnicate.u32 %r1;", "frobnicate"},
                           {"cvt.u32.f32 %r1, %r2;", "cvt.u32.f32"},
                           {"cvt.f16.f32 %h1, %r2;", "cvt.f16.f32"}}) {
    const Run run = run_kernel(prologue(0) + r.body, {}, {});
    if (run.refusal.find(r.word) == std::string::npos)
      fail(std::string("'") + r.body + "' must be refused by name, but: " + run.text());
  }
}

}  // namespace conformance
