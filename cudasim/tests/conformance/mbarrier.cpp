// mbarrier objects: the tokens, phases and counts of the ISA, what they order, and what must be reported.
#include "cases.h"
#include "harness.h"
#include "spelling.h"

namespace conformance {

namespace {

const Word kNothing = [](unsigned, unsigned) -> uint64_t { return 0; };
const std::string kBegin =
    ".shared .align 8 .b64 object; .shared .align 4 .b32 sh[64]; mov.u32 %r80, object; mov.u32 %r90, sh; setp.eq.u32 "
    "%q9, %t, 0; cvt.u64.u32 %d20, %r80; cvta.shared.u64 %d20, %d20;\n";

// Bits of a predicate and of words, as the output of one thread.
std::string out(const std::vector<std::string>& words) {
  std::string s;
  for (size_t k = 0; k < words.size(); ++k) {
    const std::string at = "[%d2+" + std::to_string(8 * k) + "]";
    if (words[k][1] == 'q')
      s += "selp.b64 %d40, 1, 0, " + words[k] + "; st.global.b64 " + at + ", %d40;\n";
    else
      s += "cvt.u64.u32 %d40, " + words[k] + "; st.global.b64 " + at + ", %d40;\n";
  }
  return s;
}

void one_thread(const std::string& spelling, const std::string& body, const std::vector<std::string>& words,
                const std::vector<uint64_t>& want) {
  check(spelling, kBegin + body + out(words), 0, kNothing, unsigned(words.size()),
        [&](unsigned, unsigned k) { return want[k]; }, {1, 1});
}

// Thread i reads what a thread of the other warp wrote before it arrived. Findings of races would fail the case.
void exchange(const std::string& spelling, const std::string& arrive, const std::string& wait, unsigned count = 64) {
  check(spelling,
        kBegin + "@%q9 mbarrier.init.shared.b64 [%r80], " + std::to_string(count) +
            "; bar.sync 0;\n"
            "mad.lo.u32 %r4, %t, 4, %r90; xor.b32 %r5, %t, 33; mad.lo.u32 %r5, %r5, 4, %r90; add.u32 %r6, %t, 7; "
            "st.shared.b32 [%r4], %r6;\n" +
            arrive + "\nLOOP: " + wait + " @!%q1 bra LOOP;\nld.shared.b32 %r3, [%r5];\n" + out({"%r3"}),
        0, kNothing, 1, [](unsigned i, unsigned) -> uint64_t { return (i ^ 33) + 7; }, {1, 64});
}

void spellings() {
  for (const OpForm& f : cudasim::op_forms()) {
    if (f.opcode != "mbarrier") continue;
    for (const std::string& text : spellings_of(f, 100)) {
      const Spelling s = parse_spelling(text);
      const bool parity = s.has("parity"), shared = s.has("shared") || s.has("shared::cta"), orders = !s.has("relaxed");
      const std::string o = shared ? "[%r80]" : "[%d20]";  // without a space, the address is a generic one
      if (s.has("init")) {
        one_thread(
            text,
            text + " " + o + ", 3; mbarrier.arrive.shared.b64 %d5, [%r80]; mbarrier.pending_count.b64 %r3, %d5;\n",
            {"%r3"}, {3});
      } else if (s.has("inval")) {  // the place can be used again
        one_thread(text,
                   "mbarrier.init.shared.b64 [%r80], 3; " + text + " " + o +
                       "; mbarrier.init.shared.b64 [%r80], 1; mbarrier.arrive.shared.b64 %d5, [%r80]; "
                       "mbarrier.test_wait.shared.b64 %q1, [%r80], %d5;\n",
                   {"%q1"}, {1});
      } else if (s.has("noComplete")) {
        const std::string last = "mbarrier.arrive.shared.b64 %d6, [%r80];";
        one_thread(text,
                   "mbarrier.init.shared.b64 [%r80], 5; " + text + " %d5, " + o +
                       ", 4; mbarrier.test_wait.shared.b64 %q1, [%r80], %d5; " + last +
                       " mbarrier.test_wait.shared.b64 %q2, [%r80], %d5; mbarrier.pending_count.b64 %r3, %d5; "
                       "mbarrier.pending_count.b64 %r4, %d6;\n",
                   {"%q1", "%q2", "%r3", "%r4"}, {0, 1, 5, 1});
      } else if (s.has("arrive_drop")) {
        // Two of three leave for good: the next phase needs one arrival.
        one_thread(text,
                   "mbarrier.init.shared.b64 [%r80], 3; " + text + " %d5, " + o + "; " + text + " %d6, " + o +
                       ", 1; mbarrier.arrive.shared.b64 %d7, [%r80]; mbarrier.test_wait.shared.b64 %q1, [%r80], %d7;\n"
                       "mbarrier.arrive.shared.b64 %d8, [%r80]; mbarrier.test_wait.shared.b64 %q2, [%r80], %d8; "
                       "mbarrier.pending_count.b64 %r3, %d6; mbarrier.pending_count.b64 %r4, %d8;\n",
                   {"%q1", "%q2", "%r3", "%r4"}, {1, 1, 2, 1});
      } else if (s.has("expect_tx")) {  // one arrival, and bytes that must come
        one_thread(text,
                   "mbarrier.init.shared.b64 [%r80], 2; " + text + " %d5, " + o + ", 0; " + text + " %d6, " + o +
                       ", 0; mbarrier.test_wait.shared.b64 %q1, [%r80], %d6; mbarrier.pending_count.b64 %r3, %d5; " +
                       "mbarrier.pending_count.b64 %r4, %d6; " + text + " _, " + o + ", 16; " + text + " %d7, " + o +
                       ", 0; mbarrier.test_wait.shared.b64 %q2, [%r80], %d7;\n",
                   {"%q1", "%r3", "%r4", "%q2"}, {1, 2, 1, 0});
      } else if (s.has("arrive")) {
        one_thread(text,
                   "mbarrier.init.shared.b64 [%r80], 3; " + text + " %d5, " + o + "; " + text + " %d6, " + o +
                       ", 2; mbarrier.pending_count.b64 %r3, %d5; mbarrier.pending_count.b64 %r4, %d6;\n"
                       "mbarrier.test_wait.shared.b64 %q1, [%r80], %d6;\n",
                   {"%r3", "%r4", "%q1"}, {3, 2, 1});
        if (!orders) continue;
        exchange(text, text + " %d5, " + o + ";", "mbarrier.try_wait.shared.b64 %q1, [%r80], %d5;");
        exchange(text, text + " %d5, " + o + ", 2;", "mbarrier.test_wait.shared.b64 %q1, [%r80], %d5;", 128);
        exchange(text, text + " _, " + o + ";", "mbarrier.test_wait.parity.shared.b64 %q1, [%r80], 0;");
      } else if (s.has("pending_count")) {
        one_thread(text,
                   "mbarrier.init.shared.b64 [%r80], 6; mbarrier.arrive.shared.b64 %d5, [%r80]; "
                   "mbarrier.arrive.shared.b64 %d6, [%r80], 2; mbarrier.arrive.shared.b64 %d7, [%r80];\n" +
                       text + " %r3, %d5; " + text + " %r4, %d6; " + text + " %r5, %d7;\n",
                   {"%r3", "%r4", "%r5"}, {6, 5, 3});
      } else if (parity) {
        // Before the first phase completes, the one before it (of odd parity) counts as complete.
        auto wait = [&](const char* q, const char* which) { return text + " " + q + ", " + o + ", " + which + "; "; };
        one_thread(text,
                   "mbarrier.init.shared.b64 [%r80], 1; " + wait("%q1", "0") + wait("%q2", "1") +
                       "mbarrier.arrive.shared.b64 %d5, [%r80]; " + wait("%q3", "0") + wait("%q4", "1") +
                       "mbarrier.arrive.shared.b64 %d5, [%r80]; " + wait("%q5", "0") + wait("%q6", "1") + "\n",
                   {"%q1", "%q2", "%q3", "%q4", "%q5", "%q6"}, {0, 1, 1, 0, 0, 1});
        if (!orders) continue;
        exchange(text, "mbarrier.arrive.shared.b64 _, [%r80];", text + " %q1, " + o + ", 0;");
        if (s.has("try_wait"))
          exchange(text, "mbarrier.arrive.shared.b64 _, [%r80];", text + " %q1, " + o + ", 0, 1000;");
      } else {
        one_thread(text,
                   "mbarrier.init.shared.b64 [%r80], 2; mbarrier.arrive.shared.b64 %d5, [%r80]; " + text + " %q1, " +
                       o + ", %d5; mbarrier.arrive.shared.b64 %d6, [%r80]; " + text + " %q2, " + o + ", %d6;\n",
                   {"%q1", "%q2"}, {0, 1});
        if (!orders) continue;
        exchange(text, "mbarrier.arrive.shared.b64 %d5, [%r80];", text + " %q1, " + o + ", %d5;");
        if (s.has("try_wait"))
          exchange(text, "mbarrier.arrive.shared.b64 %d5, [%r80];", text + " %q1, " + o + ", %d5, 1000;");
      }
    }
  }
}

// Lanes of one warp that arrive behind the loop in which others wait.
void divergent() {
  check("mbarrier.arrive.shared.b64",
        kBegin +
            "@%q9 mbarrier.init.shared.b64 [%r80], 32; bar.sync 0; and.b32 %r5, %t, 1; setp.eq.u32 %q2, %r5, 1; @%q2 "
            "bra LATE;\n"
            "mbarrier.arrive.shared.b64 %d5, [%r80];\nLOOP: mbarrier.test_wait.shared.b64 %q1, [%r80], %d5; @!%q1 bra "
            "LOOP; bra END;\nLATE: mbarrier.arrive.shared.b64 %d5, [%r80];\nEND: mov.b32 %r3, 5;\n" +
            out({"%r3"}),
        0, kNothing, 1, [](unsigned, unsigned) -> uint64_t { return 5; });
}

struct Fault {
  const char *body, *words;
  unsigned threads;
};

void faults() {
  const std::string race =
      "@%q9 mbarrier.init.shared.b64 [%r80], 64; bar.sync 0; mad.lo.u32 %r4, %t, 4, %r90; xor.b32 %r5, %t, 33; "
      "mad.lo.u32 %r5, %r5, 4, %r90; st.shared.b32 [%r4], %t;\n";
  const std::string unwaited = race + "mbarrier.arrive.shared.b64 %d5, [%r80]; ld.shared.b32 %r3, [%r5];",
                    late = race + "ld.shared.b32 %r3, [%r5]; mbarrier.arrive.shared.b64 %d5, [%r80];";
  const std::string relaxed = race +
                              "mbarrier.arrive.relaxed.cta.shared.b64 %d5, [%r80]; L: mbarrier.test_wait.shared.b64 "
                              "%q1, [%r80], %d5; @!%q1 bra L; ld.shared.b32 %r3, [%r5];";
  const std::string after = race +
                            "mbarrier.arrive.shared.b64 %d5, [%r80]; st.shared.b32 [%r4], 1; L: "
                            "mbarrier.test_wait.shared.b64 %q1, [%r80], %d5; @!%q1 bra L; ld.shared.b32 %r3, [%r5];";
  for (const Fault& f :
       {Fault{"mbarrier.arrive.shared.b64 %d5, [%r80];", "holds no mbarrier object", 1},
        {"mbarrier.init.shared.b64 [%r80], 0;", "with the count 0", 1},
        {"mbarrier.init.shared.b64 [%r80], 2; mbarrier.arrive.shared.b64 %d5, [%r80], 3;", "waits for 2 more of its 2",
         1},
        {"mbarrier.init.shared.b64 [%r80], 2; mbarrier.arrive.noComplete.shared.b64 %d5, [%r80], 2;",
         "must not be completed", 1},
        {"mbarrier.init.shared.b64 [%r80+4], 2;", "not aligned", 1},
        {"mov.b64 %d20, 64; mbarrier.init.b64 [%d20], 2;", "must lie in the block's shared memory", 1},
        {"mbarrier.init.shared.b64 [%r80], 1; mbarrier.inval.shared.b64 [%r80]; mbarrier.test_wait.parity.shared.b64 "
         "%q1, [%r80], 0;",
         "holds no mbarrier object", 1},
        {"@%q9 mbarrier.init.shared.b64 [%r80], 65; bar.sync 0; mbarrier.arrive.shared.b64 %d5, [%r80]; L: "
         "mbarrier.try_wait.shared.b64 %q1, [%r80], %d5; @!%q1 bra L;",
         "nothing more arrives", 64},
        {"mbarrier.init.shared.b64 [%r80], 64; @!%q9 mbarrier.arrive.shared.b64 %d5, [%r80];", "races", 64},
        {unwaited.c_str(), "races", 64},
        {late.c_str(), "races", 64},
        {after.c_str(), "races", 64},
        {relaxed.c_str(), "races", 64}}) {
    const Run run = run_kernel(prologue(0) + kBegin + f.body, {}, {1, f.threads});
    if (run.text().find(f.words) == std::string::npos)
      fail(std::string("'") + f.body + "' must be reported ('" + f.words + "'), but: " + run.text());
  }
}

}  // namespace

void mbarrier_cases() {
  spellings();
  divergent();
  faults();
}

}  // namespace conformance
