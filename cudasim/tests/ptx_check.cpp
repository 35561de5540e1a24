// ptx_check FILE.ptx...: parses and decodes every kernel and says what is not supported.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "ptx/module.h"
#include "sim/warp.h"

using namespace cudasim;

namespace {
struct Hooks : ModuleHooks {
  uint64_t next = 1 << 20;
  uint64_t allocate_global(const GlobalVar& v) override { return next += (v.size + 255) / 256 * 256; }
  void write_global(uint64_t, const void*, size_t) override {}
  ExecFn select(const Instr& in) override { return isa().select(in); }
};
}  // namespace

int main(int argc, char** argv) {
  int bad = 0;
  for (int i = 1; i < argc; ++i) {
    std::ifstream in(argv[i]);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    const auto start = std::chrono::steady_clock::now();
    size_t kernels = 0, instructions = 0;
    try {
      Hooks hooks;
      Module m(std::move(text), &hooks);
      for (const auto& f : m.functions()) {
        if (!f->is_entry) continue;
        try {
          m.decode(f.get());
          instructions += f->code.size();
          ++kernels;
        } catch (const SimError& e) {
          std::printf("%s: %s\n", argv[i], e.what());
          ++bad;
        }
      }
    } catch (const SimError& e) {
      std::printf("%s: %s\n", argv[i], e.what());
      ++bad;
    }
    std::printf("%s: %zu kernels, %zu instructions, %.1f ms\n", argv[i], kernels, instructions,
                std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  return bad != 0;
}
