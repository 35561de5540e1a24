#include "harness.h"

#include <cstdio>
#include <cstring>

#include "ptx/module.h"
#include "sim/launch.h"
#include "sim/memory.h"
#include "sim/report.h"
#include "spelling.h"

namespace conformance {

namespace {

struct Hooks : cudasim::ModuleHooks {
  uint64_t allocate_global(const cudasim::GlobalVar& v) override {
    return cudasim::DeviceMemory::get().allocate(v.size, cudasim::AllocKind::kGlobal, 0, v.name);
  }
  void write_global(uint64_t address, const void* data, size_t bytes) override {
    std::memcpy(cudasim::DeviceMemory::get().host(address), data, bytes);
  }
  cudasim::ExecFn select(const cudasim::Instr& in) override { return cudasim::isa().select(in); }
};

size_t g_failures = 0;
uint64_t g_launch = 0;

}  // namespace

Buffer::Buffer(size_t n) : bytes(n) {
  address = cudasim::DeviceMemory::get().allocate(n, cudasim::AllocKind::kDevice, 0);
  host = cudasim::DeviceMemory::get().host(address);
}

std::string Run::text() const {
  std::string out = refusal;
  if (error) out += " error " + std::to_string(error) + ".";
  for (const std::string& f : findings) out += " " + f;
  return out;
}

Run run_kernel(const std::string& body, const std::vector<uint64_t>& params, Shape shape, const std::string& before) {
  // A name of its own for each kernel: findings are merged by kernel and line.
  const std::string name = "k" + std::to_string(++g_launch);
  std::string text = ".version 8.7\n.target sm_90\n.address_size 64\n" + before + "\n.visible .entry " + name + "(";
  for (size_t i = 0; i < params.size(); ++i) text += (i ? ", " : "") + std::string(".param .u64 p") + std::to_string(i);
  text += ")\n{\n" + body + "\nret;\n}\n";
  Run run;
  static Hooks hooks;
  try {
    // The previous module lives on until the next kernel has started: warps are kept for a kernel by its address.
    static std::unique_ptr<cudasim::Module> previous;
    auto module = std::make_unique<cudasim::Module>(text, &hooks);
    cudasim::Function* f = module->entry(name);
    if (!f) {
      run.refusal = "the kernel is not in its module.";
      return run;
    }
    cudasim::Launch launch;
    launch.kernel = f;
    launch.module = module.get();
    launch.grid[0] = shape.blocks;
    launch.block[0] = launch.threads = shape.threads;
    launch.warps = (shape.threads + 31) / 32;
    launch.shared_bytes = f->static_shared;
    launch.id = g_launch;
    launch.registers = 128;
    launch.params.resize(f->param_bytes);
    if (!params.empty())
      std::memcpy(launch.params.data(), params.data(), std::min<size_t>(params.size() * 8, f->param_bytes));
    const size_t before_count = cudasim::findings().size();
    cudasim::run_launch(launch);
    previous = std::move(module);
    run.error = launch.error;
    const auto all = cudasim::findings();
    for (size_t i = before_count; i < all.size(); ++i) run.findings.push_back(all[i].text);
  } catch (const cudasim::SimError& e) {
    run.refusal = e.what();
  }
  return run;
}

std::string prologue(size_t params) {
  std::string s =
      ".reg .pred %q<16>; .reg .b16 %h<32>; .reg .b32 %r<128>; .reg .b64 %d<64>; .reg .b64 %p<8>; .reg .b32 %t, %g;\n"
      "mov.u32 %t, %tid.x; mov.u32 %r126, %ctaid.x; mov.u32 %r127, %ntid.x; mad.lo.u32 %g, %r126, %r127, %t;\n";
  for (size_t i = 0; i < params; ++i) s += "ld.param.u64 %p" + std::to_string(i) + ", [p" + std::to_string(i) + "];\n";
  return s;
}

void check(const std::string& spelling, const std::string& body, unsigned ins, const Word& in, unsigned outs,
           const Word& want, Shape shape, const std::string& before) {
  static Buffer from(1 << 20), to(1 << 20);
  const unsigned threads = shape.blocks * shape.threads;
  for (unsigned i = 0; i < threads; ++i) {
    for (unsigned k = 0; k < ins; ++k) from.as<uint64_t>()[i * ins + k] = in(i, k);
    for (unsigned k = 0; k < outs; ++k) to.as<uint64_t>()[i * outs + k] = 0x0DDBA11;
  }
  const Run run = run_kernel(prologue(2) + "mad.wide.u32 %d1, %g, " + std::to_string(8 * ins) +
                                 ", %p0; mad.wide.u32 %d2, %g, " + std::to_string(8 * outs) + ", %p1;\n" + body,
                             {from.address, to.address}, shape, before);
  if (!run.ok()) return fail(spelling + ": " + run.text());
  for (unsigned i = 0; i < threads; ++i)
    for (unsigned k = 0; k < outs; ++k) {
      const uint64_t got = to.as<uint64_t>()[i * outs + k], wanted = want(i, k);
      if (got != wanted)
        return fail(spelling + ": thread " + std::to_string(i) + " has " + hex(got) + " in word " + std::to_string(k) +
                    "; expected " + hex(wanted));
    }
  cover(spelling);
}

void fail(const std::string& what) {
  if (++g_failures <= 200) std::printf("FAIL %s\n", what.c_str());
}
size_t failures() {
  return g_failures;
}

std::string hex(uint64_t v) {
  char b[32];
  std::snprintf(b, sizeof b, "0x%llx", static_cast<unsigned long long>(v));
  return b;
}

}  // namespace conformance
