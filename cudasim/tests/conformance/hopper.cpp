// What Hopper adds: boxes of tensors through the copy engine, wgmma, setmaxnreg. Swizzle, fragments and descriptors are
// written here as formulas over addresses, apart from the simulator's.
#include <cmath>
#include <cstring>
#include <vector>

#include "cases.h"
#include "harness.h"
#include "sim/tensor_map.h"
#include "spelling.h"

namespace conformance {

namespace {

// Bits of a small whole number.
uint16_t half_bits(int v, bool bf16) {
  const float f = float(v);
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  if (bf16 || v == 0) return uint16_t(bits >> 16);
  return uint16_t((bits >> 16 & 0x8000) | ((bits >> 23 & 0xFF) - 127 + 15) << 10 | (bits >> 13 & 0x3FF));
}
uint32_t float_bits(int v) {
  const float f = float(v);
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  return bits;
}
int small(unsigned a, unsigned b) {
  Random r;
  r.state += 7919 * a + 104729 * b;
  r.next();
  return int(r.next() >> 32) % 5;
}

// Where byte `byte` of row `row` lies behind an address that is a multiple of 1024: in units of 16 bytes, whose number
// is changed by that of the row.
unsigned swizzled(unsigned row, unsigned byte) {
  return row * 128 + ((byte / 16) ^ (row % 8)) * 16 + byte % 16;
}

// ---- Boxes of a matrix of halves, 40 columns in rows 96 bytes apart, 20 rows.
constexpr int kColumns = 40, kRows = 20, kStride = 96;

struct Matrix {
  Buffer data{kRows * kStride}, map{128}, out{4096};
  Matrix(unsigned box_columns, unsigned box_rows, bool swizzle) {
    for (unsigned i = 0; i < kRows * kStride / 2; ++i) data.as<uint16_t>()[i] = uint16_t(1000 + i);
    cudasim::TensorMap m;
    m.address = data.address;
    m.extent[0] = kColumns;
    m.extent[1] = kRows;
    m.stride[0] = kStride;
    m.box[0] = uint16_t(box_columns);
    m.box[1] = uint16_t(box_rows);
    m.rank = 2;
    m.element = 2;
    m.swizzle = swizzle ? cudasim::Swizzle::k128 : cudasim::Swizzle::kNone;
    m.checksum = m.sum();
    std::memcpy(map.host, &m, sizeof m);
  }
  static bool inside(int x, int y) { return x >= 0 && x < kColumns && y >= 0 && y < kRows; }
  static uint16_t value(int x, int y) { return uint16_t(1000 + y * kStride / 2 + x); }
};

struct Place {
  int x, y;
};
constexpr Place kPlaces[] = {{0, 0}, {8, 3}, {24, 15}, {-8, -3}, {40, 0}, {0, 20}, {-64, -8}};

const std::string kBegin =
    ".shared .align 1024 .b8 box[1024]; .shared .align 8 .b64 bar; mov.u32 %r1, box; mov.u32 %r2, bar; setp.eq.u32 "
    "%q1, %t, 0; cvt.u32.u64 %r3, %p2; cvt.u32.u64 %r4, %p3; mad.lo.u32 %r5, %t, 32, %r1; mad.wide.u32 %d1, %t, 32, "
    "%p1;\n";

void tensor_load() {
  for (const std::string tile : {"", ".tile"})
    for (const bool swizzle : {false, true})
      for (const Place p : kPlaces) {
        const unsigned columns = swizzle ? 64 : 32, rows = 8;
        Matrix m(columns, rows, swizzle);
        const std::string text =
            "cp.async.bulk.tensor.2d.shared::cluster.global" + tile + ".mbarrier::complete_tx::bytes";
        std::string body =
            prologue(4) + kBegin +
            "@%q1 mbarrier.init.shared.b64 [%r2], 1; @%q1 fence.mbarrier_init.release.cluster; mov.b64 %d5, -1; "
            "st.shared.b64 [%r5], %d5; st.shared.b64 [%r5+8], %d5; st.shared.b64 [%r5+16], %d5; st.shared.b64 "
            "[%r5+24], %d5; bar.sync 0;\nprefetch.tensormap [%p0]; @%q1 mbarrier.arrive.expect_tx.shared::cta.b64 _, "
            "[%r2], " +
            std::to_string(columns * rows * 2) + ";\n@%q1 " + text +
            " [%r1], [%p0, {%r3, %r4}], [%r2];\nW: mbarrier.try_wait.parity.shared.b64 %q2, [%r2], 0; @!%q2 bra W;\n";
        for (int k = 0; k < 4; ++k)
          body += "ld.shared.b64 %d5, [%r5+" + std::to_string(8 * k) + "]; st.global.b64 [%d1+" +
                  std::to_string(8 * k) + "], %d5;\n";
        const Run run =
            run_kernel(body, {m.map.address, m.out.address, uint64_t(uint32_t(p.x)), uint64_t(uint32_t(p.y))}, {1, 32});
        if (!run.ok()) return fail(text + ": " + run.text());
        for (unsigned row = 0; row < rows; ++row)
          for (unsigned column = 0; column < columns; ++column) {
            const unsigned at = swizzle ? swizzled(row, column * 2) : row * columns * 2 + column * 2;
            const int x = p.x + int(column), y = p.y + int(row);
            const uint16_t want = Matrix::inside(x, y) ? Matrix::value(x, y) : 0, got = m.out.as<uint16_t>()[at / 2];
            if (got != want)
              return fail(text + " at " + std::to_string(p.x) + "," + std::to_string(p.y) + ": " + hex(got) +
                          " instead of " + hex(want));
          }
        cover(text);
      }
  cover("prefetch.tensormap");
  cover("fence.mbarrier_init.release.cluster");
}

void tensor_store() {
  for (const std::string tile : {"", ".tile"})
    for (const std::string read : {"", ".read"})
      for (const std::string space : {"", ".shared::cta"})
        for (const bool swizzle : {false, true})
          for (const Place p : kPlaces) {
            const unsigned columns = swizzle ? 64 : 32, rows = 8;
            Matrix m(columns, rows, swizzle);
            const std::string text = "cp.async.bulk.tensor.2d.global.shared::cta" + tile + ".bulk_group";
            // Every half of shared memory holds its own number.
            std::string body = prologue(4) + kBegin;
            for (int k = 0; k < 16; ++k)
              body += "mad.lo.u32 %r6, %t, 16, " + std::to_string(k) + "; cvt.u16.u32 %h1, %r6; st.shared.b16 [%r5+" +
                      std::to_string(2 * k) + "], %h1;\n";
            body += "fence.proxy.async" + space + "; fence.proxy.async.global; bar.sync 0;\n@%q1 " + text +
                    " [%p0, {%r3, %r4}], [%r1];\n@%q1 cp.async.bulk.commit_group; @%q1 cp.async.bulk.wait_group" +
                    read + " 0;\n";
            const Run run = run_kernel(
                body, {m.map.address, m.out.address, uint64_t(uint32_t(p.x)), uint64_t(uint32_t(p.y))}, {1, 32});
            if (!run.ok()) return fail(text + ": " + run.text());
            for (int y = 0; y < kRows; ++y)
              for (int x = 0; x < kStride / 2; ++x) {
                const int column = x - p.x, row = y - p.y;
                const bool written =
                    x < kColumns && column >= 0 && column < int(columns) && row >= 0 && row < int(rows);
                const unsigned at = written ? swizzle ? swizzled(unsigned(row), unsigned(column) * 2)
                                                      : unsigned(row) * columns * 2 + unsigned(column) * 2
                                            : 0;
                const uint16_t want = written ? uint16_t(at / 2) : Matrix::value(x, y),
                               got = m.data.as<uint16_t>()[y * kStride / 2 + x];
                if (got != want)
                  return fail(text + ": " + hex(got) + " instead of " + hex(want) + " in row " + std::to_string(y));
              }
            cover(text);
            cover("cp.async.bulk.wait_group" + read);
            cover("fence.proxy.async" + space);
          }
  cover("cp.async.bulk.commit_group");
  cover("fence.proxy.async.global");
}

void tensor_add() {
  for (const std::string tile : {"", ".tile"}) {
    Buffer data(4 * 16 * 4), map(128);
    for (int i = 0; i < 64; ++i) data.as<uint32_t>()[i] = float_bits(i);
    cudasim::TensorMap m;
    m.address = data.address;
    m.extent[0] = 16;
    m.extent[1] = 3;
    m.stride[0] = 64;
    m.box[0] = 16;
    m.box[1] = 4;
    m.rank = 2;
    m.element = 4;
    m.is_f32 = true;
    m.checksum = m.sum();
    std::memcpy(map.host, &m, sizeof m);
    const std::string text = "cp.reduce.async.bulk.tensor.2d.global.shared::cta.add" + tile + ".bulk_group";
    const std::string body =
        prologue(1) +
        ".shared .align 128 .b8 box[256]; mov.u32 %r1, box; mad.lo.u32 %r2, %t, 4, %r1; cvt.rn.f32.u32 %r3, %t; "
        "mul.f32 "
        "%r3, %r3, 0f42C80000; st.shared.b32 [%r2], %r3; fence.proxy.async; bar.sync 0; setp.eq.u32 %q1, %t, "
        "0;\n@%q1 " +
        text + " [%p0, {0, 1}], [%r1];\n@%q1 cp.async.bulk.commit_group; @%q1 cp.async.bulk.wait_group 0;\n";
    const Run run = run_kernel(body, {map.address}, {1, 64});
    if (!run.ok()) return fail(text + ": " + run.text());
    for (int i = 0; i < 64; ++i) {
      const int row = i / 16, added = row == 1 || row == 2 ? 100 * (i - 16) : 0;
      if (data.as<uint32_t>()[i] != float_bits(i + added))
        return fail(text + ": element " + std::to_string(i) + " is " + hex(data.as<uint32_t>()[i]));
    }
    cover(text);
  }
}

// ---- wgmma: A and B with 64 columns of halves, of which one step of 16 is multiplied.
int a_value(unsigned row, unsigned k) {
  return small(row + 1000, k);
}
int b_value(unsigned column, unsigned k) {
  return small(column + 3000, k);
}

void wgmma(unsigned columns, bool bf16, bool accumulate, bool negative) {
  const std::string type = bf16 ? ".bf16" : ".f16";
  const std::string text = "wgmma.mma_async.sync.aligned.m64n" + std::to_string(columns) + "k16.f32" + type + type;
  const unsigned step = columns / 8 % 4, registers = columns / 2;
  std::string body =
      ".shared .align 1024 .b8 sm[40960]; .reg .f32 %acc<128>; mov.u32 %r1, sm; mad.lo.u32 %r2, %t, 320, %r1;\n";
  for (unsigned k = 0; k < 40; ++k)
    body += "ld.global.b64 %d5, [%d1+" + std::to_string(8 * k) + "]; st.shared.b64 [%r2+" + std::to_string(8 * k) +
            "], %d5;\n";
  std::string list, out;
  for (unsigned k = 0; k < registers; ++k) {
    const std::string r = "%acc" + std::to_string(k);
    body += "mov.f32 " + r + ", 0f40400000;\n";  // 3
    list += (k ? ", " : "") + r;
    out += "mov.b32 %r9, " + r + "; cvt.u64.u32 %d5, %r9; st.global.b64 [%d2+" + std::to_string(8 * k) + "], %d5;\n";
  }
  body += "fence.proxy.async.shared::cta; bar.sync 0; add.u32 %r3, %r1, " + std::to_string(32 * step) +
          "; shr.u32 %r3, %r3, 4; cvt.u64.u32 %d6, %r3; or.b64 %d6, %d6, " +
          std::to_string(uint64_t(1) << 62 | uint64_t(64) << 32 | 1 << 16) +
          "; add.u64 %d7, %d6, 512; setp.eq.u32 %q3, " + (accumulate ? "0" : "1") +
          ", 0;\nwgmma.fence.sync.aligned;\n" + text + " {" + list + "}, %d6, %d7, %q3, " + (negative ? "-1" : "1") +
          ", 1, 0, 0;\nwgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;\n" + out;
  check(
      text, body, 40,
      [&](unsigned i, unsigned word) {
        uint64_t v = 0;
        for (unsigned e = 0; e < 4; ++e) {
          const unsigned at = (i * 40 + word) * 8 + 2 * e, matrix_at = at < 8192 ? at : at - 8192;
          const unsigned row = matrix_at / 128, unit = (matrix_at / 16 % 8) ^ (row % 8),
                         k = (unit * 16 + matrix_at % 16) / 2;
          v |= uint64_t(half_bits(at < 8192 ? a_value(row, k) : b_value(row, k), bf16)) << (16 * e);
        }
        return v;
      },
      registers,
      [&](unsigned i, unsigned r) -> uint64_t {
        const unsigned lane = i % 32, row = i / 32 * 16 + lane / 4 + r / 2 % 2 * 8,
                       column = r / 4 * 8 + lane % 4 * 2 + r % 2;
        int sum = 0;
        for (unsigned k = 16 * step; k < 16 * step + 16; ++k) sum += a_value(row, k) * b_value(column, k);
        return float_bits((negative ? -sum : sum) + (accumulate ? 3 : 0));
      },
      {1, 128});
}

void wgmma_cases() {
  for (unsigned columns = 8; columns <= 256; columns += 8)
    for (const bool bf16 : {false, true}) wgmma(columns, bf16, columns % 16 == 0, columns % 24 == 0);
  for (const char* text :
       {"wgmma.fence.sync.aligned", "wgmma.commit_group.sync.aligned", "wgmma.wait_group.sync.aligned"})
    cover(text);
}

// The block has 128 registers a thread; what the first two warpgroups give back is what the third takes.
void max_registers() {
  check(
      "setmaxnreg.dec.sync.aligned.u32",
      "setp.lt.u32 %q1, %t, 256; @%q1 bra LESS; setmaxnreg.inc.sync.aligned.u32 256; bra END;\nLESS: "
      "setmaxnreg.dec.sync.aligned.u32 64;\nEND: cvt.u64.u32 %d5, %t; st.global.b64 [%d2], %d5;\n",
      0, [](unsigned, unsigned) -> uint64_t { return 0; }, 1, [](unsigned i, unsigned) -> uint64_t { return i; },
      {1, 384});
  cover("setmaxnreg.inc.sync.aligned.u32");
}

struct Fault {
  const char *body, *words;
};
void faults() {
  for (const Fault& f : {Fault{"setmaxnreg.dec.sync.aligned.u32 20;", "24 to 256 in steps of 8"},
                         {"setmaxnreg.inc.sync.aligned.u32 104;", "is to take registers, and a thread has 128"},
                         {"prefetch.tensormap [%p0];", "there is no tensor map"},
                         {"prefetch.tensormap [%p0+16];", "aligned to 64 bytes"}}) {
    static Buffer empty(256);
    const Run run = run_kernel(prologue(1) + f.body, {empty.address}, {1, 128});
    if (run.text().find(f.words) == std::string::npos)
      fail(std::string("'") + f.body + "' must be reported ('" + f.words + "'), but: " + run.text());
  }
}

}  // namespace

void hopper_cases() {
  tensor_load();
  tensor_store();
  tensor_add();
  wgmma_cases();
  max_registers();
  faults();
}

}  // namespace conformance
