#include "sim/report.h"

#include <cstdio>
#include <map>
#include <mutex>

#include "sim/counters.h"
#include "sim/memory.h"
#include "sim/options.h"

namespace cudasim {

namespace {
std::mutex g_mutex;
std::vector<Finding>& list() {
  static auto* l = new std::vector<Finding>;
  return *l;
}
std::map<std::string, KernelStats>& stats() {
  static auto* s = new std::map<std::string, KernelStats>;
  return *s;
}

std::string json_string(const std::string& s) {
  std::string out = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      char b[8];
      std::snprintf(b, sizeof b, "\\u%04x", c);
      out += b;
    } else
      out += c;
  }
  return out + "\"";
}
}  // namespace

std::string lane_list(uint32_t mask) {
  std::string out;
  for (int i = 0; i < 32; ++i) {
    if (!(mask >> i & 1)) continue;
    int j = i;
    while (j < 31 && (mask >> (j + 1) & 1)) ++j;
    if (!out.empty()) out += ",";
    out += j > i ? std::to_string(i) + "-" + std::to_string(j) : std::to_string(i);
    i = j;
  }
  return out;
}

const char* check_name(Check c) {
  static const char* const names[] = {"out-of-bounds",
                                      "use-after-free",
                                      "misaligned",
                                      "uninitialised-shared",
                                      "shared-race",
                                      "async-not-waited",
                                      "barrier-divergence",
                                      "warp-sync-divergence",
                                      "deadlock",
                                      "launch-limit",
                                      "leak",
                                      "invalid-free",
                                      "device-assert",
                                      "trap",
                                      "unsupported",
                                      "host-access",
                                      "missing-fence",
                                      "tensor-map"};
  return names[unsigned(c)];
}

void report(Finding f) {
  std::lock_guard lock(g_mutex);
  for (Finding& old : list())
    if (f.ptx_line != 0 && old.check == f.check && old.ptx_line == f.ptx_line && old.kernel == f.kernel) {
      ++old.count;
      return;
    }
  std::fprintf(stderr, "cudasim: error: %s: %s\n", check_name(f.check), f.text.c_str());
  if (!f.kernel.empty()) {
    std::fprintf(stderr, "    kernel %s", f.kernel.c_str());
    if (f.ptx_line) std::fprintf(stderr, ", PTX line %u", f.ptx_line);
    if (!f.source.empty()) std::fprintf(stderr, ", source %s", f.source.c_str());
    std::fputc('\n', stderr);
    if (f.lanes)
      std::fprintf(stderr, "    block (%u,%u,%u), warp %u, lanes %s\n", f.block[0], f.block[1], f.block[2], f.warp,
                   lane_list(f.lanes).c_str());
  }
  if (list().size() < 1000) list().push_back(std::move(f));
}

uint64_t finding_count() {
  std::lock_guard lock(g_mutex);
  return list().size();
}

std::vector<Finding> findings() {
  std::lock_guard lock(g_mutex);
  return list();
}

void report_stats(const KernelStats& s) {
  std::lock_guard lock(g_mutex);
  KernelStats& k = stats()[s.kernel];
  const uint64_t launches = k.launches + s.launches;
  const double seconds = k.seconds + s.seconds;
  Counters c = k.counters;
  c.add(s.counters);
  k = s;
  k.launches = launches;
  k.seconds = seconds;
  k.counters = c;
}

static void write_json(const std::string& path) {
  const std::string temporary = path + ".tmp";
  FILE* out = std::fopen(temporary.c_str(), "w");
  if (!out) {
    std::fprintf(stderr, "cudasim: cannot write the report %s; check that its folder exists and is writable.\n",
                 path.c_str());
    return;
  }
  std::fprintf(out, "{\n  \"seed\": %llu,\n  \"findings\": [", static_cast<unsigned long long>(options().seed));
  const char* comma = "";
  for (const Finding& f : list()) {
    std::fprintf(
        out,
        "%s\n    {\"check\": \"%s\", \"kernel\": %s, \"ptx_line\": %u, \"source\": %s, \"block\": [%u, %u, %u], "
        "\"warp\": %u, \"lanes\": \"%s\", \"address\": \"0x%llx\", \"count\": %llu, \"text\": %s}",
        comma, check_name(f.check), json_string(f.kernel).c_str(), f.ptx_line, json_string(f.source).c_str(),
        f.block[0], f.block[1], f.block[2], f.warp, lane_list(f.lanes).c_str(),
        static_cast<unsigned long long>(f.address), static_cast<unsigned long long>(f.count),
        json_string(f.text).c_str());
    comma = ",";
  }
  std::fprintf(out, "\n  ],\n  \"kernels\": [");
  comma = "";
  for (const auto& [name, k] : stats()) {
    const Counters& c = k.counters;
    auto u = [](uint64_t v) { return static_cast<unsigned long long>(v); };
    std::fprintf(
        out,
        "%s\n    {\"kernel\": %s, \"launches\": %llu, \"seconds\": %.6f, \"warp_instructions\": %llu, \"classes\": {",
        comma, json_string(name).c_str(), u(k.launches), k.seconds, u(c.instructions()));
    const char* sep = "";
    for (unsigned i = 0; i < unsigned(OpClass::kCount); ++i) {
      if (!c.by_class[i]) continue;
      std::fprintf(out, "%s\"%s\": %llu", sep, op_class_name(OpClass(i)), u(c.by_class[i]));
      sep = ", ";
    }
    std::fprintf(out,
                 "}, \"mma\": %llu, \"divergent_branches\": %llu, \"global_read_requests\": %llu, "
                 "\"global_read_sectors\": %llu, "
                 "\"global_write_requests\": %llu, \"global_write_sectors\": %llu, \"global_atomic_requests\": %llu, "
                 "\"global_atomic_sectors\": %llu, \"shared_requests\": %llu, "
                 "\"bank_conflict_cycles\": %llu, \"unique_bytes\": %llu, \"block_threads\": %u, \"shared_bytes\": %u, "
                 "\"occupancy_blocks\": %d}",
                 u(c.mma), u(c.divergent_branches), u(c.read_requests), u(c.read_sectors), u(c.write_requests),
                 u(c.write_sectors), u(c.atomic_requests), u(c.atomic_sectors), u(c.shared_requests),
                 u(c.bank_conflict_cycles), u(c.unique_bytes), k.block_threads, k.shared_bytes, k.occupancy_blocks);
    comma = ",";
  }
  std::fprintf(out, "\n  ]\n}\n");
  std::fclose(out);
  std::rename(temporary.c_str(), path.c_str());
}

bool finish_reports(bool with_leaks) {
  if (with_leaks && options().check_leaks)
    for (const Allocation& a : DeviceMemory::get().live()) {
      if (a.kind == AllocKind::kGlobal) continue;
      Finding f;
      f.check = Check::kLeak;
      f.address = a.address;
      f.text = "the " + std::to_string(a.size) + "-byte allocation #" + std::to_string(a.serial) + " was never freed.";
      report(f);
    }
  std::lock_guard lock(g_mutex);
  if (!options().report_path.empty()) write_json(options().report_path);
  if (options().stats)
    for (const auto& [name, k] : stats()) {
      const Counters& c = k.counters;
      std::fprintf(stderr,
                   "cudasim: %s: %llu launches, %.3f ms, %llu warp instructions, %llu mma, sectors r/w %llu/%llu, bank "
                   "conflicts %llu, divergent branches %llu\n",
                   name.c_str(), static_cast<unsigned long long>(k.launches), k.seconds * 1e3,
                   static_cast<unsigned long long>(c.instructions()), static_cast<unsigned long long>(c.mma),
                   static_cast<unsigned long long>(c.read_sectors), static_cast<unsigned long long>(c.write_sectors),
                   static_cast<unsigned long long>(c.bank_conflict_cycles),
                   static_cast<unsigned long long>(c.divergent_branches));
    }
  if (list().empty()) return false;
  uint64_t total = 0;
  for (const Finding& f : list()) total += f.count;
  std::fprintf(stderr, "cudasim: %zu findings (%llu occurrences), seed %llu.\n", list().size(),
               static_cast<unsigned long long>(total), static_cast<unsigned long long>(options().seed));
  return true;
}

}  // namespace cudasim
