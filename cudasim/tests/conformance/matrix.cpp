// ldmatrix, stmatrix, movmatrix and mma, each alone, against the fragment layouts of the PTX ISA written as index
// formulas.
#include <vector>

#include "cases.h"
#include "harness.h"
#include "reference.h"

namespace conformance {

namespace {

uint32_t noise(unsigned a, unsigned b) {
  Random r;
  r.state += 7919 * a + 104729 * b;
  r.next();
  return uint32_t(r.next() >> 32);
}

// Four 8 x 8 matrices of 16-bit elements in the block's shared memory; their rows lie in a scattered order.
uint64_t stored(unsigned matrix, unsigned row, unsigned column) {
  return noise(matrix * 8 + row, column) & 0xFFFF;
}
unsigned row_place(unsigned matrix, unsigned row) {
  return (matrix * 8 + row) * 13 % 32;
}

void ldmatrix() {
  for (const unsigned n : {1u, 2u, 4u})
    for (const char* trans : {"", ".trans"})
      for (const char* space : {"shared", "shared::cta"}) {
        const std::string text = "ldmatrix.sync.aligned.m8n8.x" + std::to_string(n) + trans + "." + space + ".b16";
        std::string list = "%r10", out;
        for (unsigned k = 1; k < n; ++k) list += ", %r1" + std::to_string(k);
        for (unsigned k = 0; k < n; ++k)
          out += "cvt.u64.u32 %d5, %r1" + std::to_string(k) + "; st.global.b64 [%d2+" + std::to_string(8 * k) +
                 "], %d5;\n";
        // Thread i fills the place of its row; its address operand points there.
        const std::string body =
            ".shared .align 16 .b8 sh[512]; ld.global.b64 %d6, [%d1]; ld.global.b64 %d7, [%d1+8]; ld.global.b32 %r1, "
            "[%d1+16]; mov.u32 %r2, sh; mad.lo.u32 %r2, %r1, 16, %r2;\n"
            "st.shared.b64 [%r2], %d6; st.shared.b64 [%r2+8], %d7; bar.sync 0; " +
            text + " {" + list + "}, [%r2];\n" + out;
        check(
            text, body, 3,
            [](unsigned i, unsigned k) -> uint64_t {
              if (k == 2) return row_place(i / 8, i % 8);
              uint64_t v = 0;
              for (unsigned e = 0; e < 4; ++e) v |= stored(i / 8, i % 8, 4 * k + e) << (16 * e);
              return v;
            },
            n,
            [&](unsigned i, unsigned k) {
              const unsigned row = i / 4, column = 2 * (i % 4);
              return *trans ? stored(k, column, row) | stored(k, column + 1, row) << 16
                            : stored(k, row, column) | stored(k, row, column + 1) << 16;
            });
      }
}

void stmatrix() {
  for (const unsigned n : {1u, 2u, 4u})
    for (const char* trans : {"", ".trans"})
      for (const char* space : {"shared", "shared::cta"}) {
        const std::string text = "stmatrix.sync.aligned.m8n8.x" + std::to_string(n) + trans + "." + space + ".b16";
        std::string in, list = "%r10";
        for (unsigned k = 0; k < n; ++k)
          in += "ld.global.b32 %r1" + std::to_string(k) + ", [%d1+" + std::to_string(8 * k) + "];\n";
        for (unsigned k = 1; k < n; ++k) list += ", %r1" + std::to_string(k);
        // Thread i addresses the place of its row and reads it back; rows beyond the n matrices keep what was there.
        const std::string body = ".shared .align 16 .b8 sh[512]; ld.global.b32 %r1, [%d1+" + std::to_string(8 * n) +
                                 "]; mov.u32 %r2, sh; mad.lo.u32 %r2, %r1, 16, %r2;\n" + in +
                                 "mov.b64 %d6, -1; st.shared.b64 [%r2], %d6; st.shared.b64 [%r2+8], %d6; bar.sync 0; " +
                                 text + " [%r2], {" + list + "};\n" +
                                 "bar.sync 0; ld.shared.b64 %d6, [%r2]; ld.shared.b64 %d7, [%r2+8]; st.global.b64 "
                                 "[%d2], %d6; st.global.b64 [%d2+8], %d7;";
        check(
            text, body, n + 1,
            [&](unsigned i, unsigned k) -> uint64_t {
              if (k == n) return row_place(i / 8, i % 8);
              const unsigned row = i / 4, column = 2 * (i % 4);
              return *trans ? stored(k, column, row) | stored(k, column + 1, row) << 16
                            : stored(k, row, column) | stored(k, row, column + 1) << 16;
            },
            2,
            [&](unsigned i, unsigned k) {
              if (i >= 8 * n) return ~uint64_t(0);
              uint64_t v = 0;
              for (unsigned e = 0; e < 4; ++e) v |= stored(i / 8, i % 8, 4 * k + e) << (16 * e);
              return v;
            });
      }
}

// What stmatrix stores of words that nobody wrote stays unwritten, and is no fault until it is used. All but row 2 of a
// matrix are written; thread i reads word i of the result.
void stmatrix_unwritten() {
  for (const char* trans : {"", ".trans"})
    for (const bool use : {false, true}) {
      const std::string body =
          ".shared .align 16 .b8 from[128]; .shared .align 16 .b8 to[128]; mov.u32 %r1, from; mov.u32 %r2, to; "
          "mad.lo.u32 %r3, %t, 4, %r1; mad.lo.u32 %r4, %t, 4, %r2;\n"
          "shr.u32 %r5, %t, 2; setp.eq.u32 %q1, %r5, 2; @!%q1 st.shared.b32 [%r3], %t; bar.warp.sync -1; and.b32 %r6, "
          "%t, 7; mad.lo.u32 %r7, %r6, 16, %r1; mad.lo.u32 %r8, %r6, 16, %r2;\n"
          "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r9}, [%r7]; stmatrix.sync.aligned.m8n8.x1" +
          std::string(trans) +
          ".shared.b16 [%r8], {%r9}; bar.warp.sync -1; ld.shared.b32 %r10, [%r4];\n"
          // In the transposed result, half 0 of word 1 of each row is unwritten.
          "and.b32 %r11, %t, 3; setp.eq.u32 %q2, " +
          std::string(*trans ? "%r11, 1" : "%r5, 2") + "; " + (use ? "" : "@!%q2 ") + "st.global.b32 [%p0], %r10;\n";
      static Buffer out(64);
      const Run run = run_kernel(prologue(1) + body, {out.address});
      if (use ? run.findings.size() != 1 || run.text().find("before anything was written") == std::string::npos
              : !run.ok())
        fail(std::string("stmatrix") + trans + " of unwritten words, " + (use ? "used" : "not used") + ": " +
             run.text());
    }
}

void movmatrix() {
  const char* text = "movmatrix.sync.aligned.m8n8.trans.b16";
  auto element = [](unsigned row, unsigned column) -> uint64_t { return noise(row, column) & 0xFFFF; };
  check(
      text,
      std::string("ld.global.b32 %r1, [%d1]; ") + text + " %r2, %r1; cvt.u64.u32 %d3, %r2; st.global.b64 [%d2], %d3;",
      1, [&](unsigned i, unsigned) { return element(i / 4, 2 * (i % 4)) | element(i / 4, 2 * (i % 4) + 1) << 16; }, 1,
      [&](unsigned i, unsigned) { return element(2 * (i % 4), i / 4) | element(2 * (i % 4) + 1, i / 4) << 16; });
}

struct Shape3 {
  const char* name;
  unsigned k;
};

// Small multiples of 1/4: every sum is exact in any order.
long double a_value(unsigned row, unsigned k) {
  return static_cast<long double>(int(noise(row + 100, k) % 33) - 16) / 4;
}
long double b_value(unsigned k, unsigned column) {
  return static_cast<long double>(int(noise(k + 300, column) % 17) - 8) / 4;
}
long double c_value(unsigned row, unsigned column) {
  return static_cast<long double>(int(noise(row + 500, column) % 65) - 32) / 2;
}

void mma(const std::string& text, Type in, Type acc, unsigned k) {
  const bool tf32 = in == Type::kTF32;
  const unsigned per = tf32 ? 1 : 2, a_regs = 16 * k / 32 / per, b_regs = 8 * k / 32 / per,
                 c_regs = acc == Type::kF32 ? 4 : 2;
  auto bits = [&](long double v) {
    return tf32 ? encode(Type::kF32, v, Round::kNearest) : encode(in, v, Round::kNearest);
  };
  // Element e of a thread's fragment, as (row, column) of its matrix.
  auto a_place = [&](unsigned lane, unsigned e, unsigned* row, unsigned* column) {
    const unsigned group = lane / 4, tig = lane % 4;
    if (tf32) {
      *row = group + (e % 2) * 8;
      *column = tig + (e / 2) * 4;
    } else {
      *row = group + ((e / 2) % 2) * 8;
      *column = tig * 2 + (e & 1) + (e >= 4 ? 8 : 0);
    }
  };
  auto b_place = [&](unsigned lane, unsigned e, unsigned* row, unsigned* column) {
    const unsigned group = lane / 4, tig = lane % 4;
    *row = tf32 ? tig + e * 4 : tig * 2 + (e & 1) + (e >= 2 ? 8 : 0);
    *column = group;
  };
  auto c_place = [&](unsigned lane, unsigned e, unsigned* row, unsigned* column) {
    *row = lane / 4 + (e >= 2 ? 8 : 0);
    *column = lane % 4 * 2 + (e & 1);
  };
  auto list = [](unsigned first, unsigned n) {
    std::string s = "{";
    for (unsigned i = 0; i < n; ++i) s += (i ? ", %r" : "%r") + std::to_string(first + i);
    return s + "}";
  };
  const unsigned ins = a_regs + b_regs + c_regs;
  std::string body, out;
  for (unsigned i = 0; i < ins; ++i)
    body += "ld.global.b32 %r" + std::to_string(10 + i) + ", [%d1+" + std::to_string(8 * i) + "];\n";
  for (unsigned i = 0; i < c_regs; ++i)
    out +=
        "cvt.u64.u32 %d5, %r" + std::to_string(40 + i) + "; st.global.b64 [%d2+" + std::to_string(8 * i) + "], %d5;\n";
  body += text + " " + list(40, c_regs) + ", " + list(10, a_regs) + ", " + list(10 + a_regs, b_regs) + ", " +
          list(10 + a_regs + b_regs, c_regs) + ";\n" + out;
  auto pack = [&](unsigned reg, unsigned elements, auto value) {
    uint64_t v = 0;
    for (unsigned e = 0; e < elements; ++e) v |= value(reg * elements + e) << (16 * e);
    return v;
  };
  const unsigned acc_per = acc == Type::kF32 ? 1 : 2;
  check(
      text, body, ins,
      [&](unsigned lane, unsigned i) {
        unsigned r, c;
        if (i < a_regs)
          return pack(i, per, [&](unsigned e) {
            a_place(lane, e, &r, &c);
            return bits(a_value(r, c));
          });
        if (i < a_regs + b_regs)
          return pack(i - a_regs, per, [&](unsigned e) {
            b_place(lane, e, &r, &c);
            return bits(b_value(r, c));
          });
        return pack(i - a_regs - b_regs, acc_per, [&](unsigned e) {
          c_place(lane, e, &r, &c);
          return encode(acc, c_value(r, c), Round::kNearest);
        });
      },
      c_regs,
      [&](unsigned lane, unsigned i) {
        return pack(i, acc_per, [&](unsigned e) {
          unsigned r, c;
          c_place(lane, e, &r, &c);
          long double sum = c_value(r, c);
          for (unsigned j = 0; j < k; ++j) sum += a_value(r, j) * b_value(j, c);
          return encode(acc, sum, Round::kNearest);
        });
      });
}

}  // namespace

void matrix_cases() {
  ldmatrix();
  stmatrix();
  stmatrix_unwritten();
  movmatrix();
  for (const Shape3& s : {Shape3{"m16n8k16", 16}, Shape3{"m16n8k8", 8}}) {
    const std::string begin = std::string("mma.sync.aligned.") + s.name + ".row.col.";
    mma(begin + "f32.f16.f16.f32", Type::kF16, Type::kF32, s.k);
    mma(begin + "f32.bf16.bf16.f32", Type::kBF16, Type::kF32, s.k);
    mma(begin + "f16.f16.f16.f16", Type::kF16, Type::kF16, s.k);
  }
  mma("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", Type::kTF32, Type::kF32, 8);
  mma("mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32", Type::kTF32, Type::kF32, 4);
}

}  // namespace conformance
