#include "apps/bench/kernel_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/bench/spread.h"
#include "apps/console.h"
#include "apps/table.h"
#include "core/file.h"
#include "sclip/error.h"

namespace sclip {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kTold = 4;  // times the noise

// Of a median, as a share of it: the scatter of single times is 1.4826 MAD, a median's 1.25 / √n of that.
double noise_of(double p50, double mad, double count) {
  return 1.25 * 1.4826 * mad / p50 / std::sqrt(count);
}

std::string microseconds(double seconds) {
  return fixed(1e6 * seconds, seconds < 1e-4 ? 1 : 0);
}

struct Run {
  std::string device, dtype;
  int threads = 0;
  struct Kernel {
    std::string name, shape;
    double p50, noise;
  };
  std::vector<Kernel> kernels;
};

Run read_run(const std::filesystem::path& path) {
  const std::string text = read_text_file(path);
  try {
    const Json json = Json::parse(text);
    Run out{json.at("device"), json.at("dtype"), json.at("threads"), {}};
    for (const Json& k : json.at("kernels")) {
      const Json& s = k.at("seconds");
      const double p50 = s.at("p50"), mad = s.at("mad"), count = s.at("count");
      SCLIP_CHECK(p50 > 0 && mad >= 0 && count >= 1, kCorruptData, path.string(), ": the times of ",
                  k.at("name").get<std::string>(), " are not positive");
      out.kernels.push_back({k.at("name"), k.at("shape"), p50, noise_of(p50, mad, count)});
    }
    return out;
  } catch (const Json::exception& error) {
    fail(ErrorCode::kCorruptData, path.string(), " is not what `sclip bench kernels --json` prints: ", error.what());
  }
}

}  // namespace

std::string kernel_table(const KernelTimings& t) {
  std::vector<std::vector<std::string>> rows{{"kernel", "shape", "µs", "mad", "GB/s", "GFLOP/s", "of roofline"}};
  for (const KernelTiming& k : t.kernels) {
    const Spread s = spread_of(k.seconds);
    rows.push_back({k.name, k.shape, microseconds(s.p50), microseconds(s.mad), fixed(k.bytes / s.p50 / 1e9, 1),
                    k.flops > 0 ? fixed(k.flops / s.p50 / 1e9, 0) : "", percent(roofline_share(k, t.ceilings, s.p50))});
  }
  return str(t.device, "; ", t.dtype, ", ", counted(static_cast<size_t>(t.threads), "thread"),
             "; this machine: ", fixed(t.ceilings.bytes_per_second / 1e9, 1), " GB/s, ",
             fixed(t.ceilings.flops_per_second / 1e9, 0), " GFLOP/s\n\n", format_table(rows));
}

std::string kernel_json(const KernelTimings& t) {
  Json kernels = Json::array();
  for (const KernelTiming& k : t.kernels) {
    const Spread s = spread_of(k.seconds);
    kernels.push_back(
        {{"name", k.name},
         {"shape", k.shape},
         {"bytes", k.bytes},
         {"flops", k.flops},
         {"seconds", {{"count", s.count}, {"p50", s.p50}, {"min", s.min}, {"max", s.max}, {"mad", s.mad}}},
         {"bytes_per_second", k.bytes / s.p50},
         {"flops_per_second", k.flops / s.p50},
         {"roofline_share", roofline_share(k, t.ceilings, s.p50)}});
  }
  const Json out = {
      {"device", t.device},
      {"dtype", t.dtype},
      {"threads", t.threads},
      {"ceilings",
       {{"bytes_per_second", t.ceilings.bytes_per_second}, {"flops_per_second", t.ceilings.flops_per_second}}},
      {"kernels", std::move(kernels)}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

KernelComparison compare_kernels(const std::filesystem::path& before, const std::filesystem::path& after) {
  const Run a = read_run(before), b = read_run(after);
  KernelComparison out;
  out.same_setting = a.device == b.device && a.dtype == b.dtype && a.threads == b.threads;
  const auto find = [](const Run& run, const Run::Kernel& wanted) {
    return std::find_if(run.kernels.begin(), run.kernels.end(),
                        [&](const Run::Kernel& k) { return k.name == wanted.name && k.shape == wanted.shape; });
  };
  for (const Run::Kernel& k : a.kernels) {
    const auto other = find(b, k);
    if (other == b.kernels.end()) {
      out.only_one.push_back(str(k.name, " ", k.shape));
      continue;
    }
    KernelChange change{.name = k.name,
                        .shape = k.shape,
                        .before = k.p50,
                        .after = other->p50,
                        .noise = std::hypot(k.noise, other->noise)};
    change.told = std::abs(std::log(change.ratio())) > kTold * change.noise;
    out.kernels.push_back(std::move(change));
  }
  for (const Run::Kernel& k : b.kernels) {
    if (find(a, k) == a.kernels.end()) out.only_one.push_back(str(k.name, " ", k.shape));
  }
  SCLIP_CHECK(!out.kernels.empty(), kInvalidArgument, before.string(), " and ", after.string(),
              " have no kernel of one shape in common");
  std::stable_sort(out.kernels.begin(), out.kernels.end(),
                   [](const KernelChange& x, const KernelChange& y) { return x.ratio() < y.ratio(); });
  return out;
}

std::string comparison_table(const KernelComparison& comparison) {
  std::vector<std::vector<std::string>> rows{{"kernel", "shape", "µs", "µs", "ratio", "noise", ""}};
  for (const KernelChange& k : comparison.kernels) {
    rows.push_back({k.name, k.shape, microseconds(k.before), microseconds(k.after), fixed(k.ratio(), 3),
                    fixed(k.noise, 3),
                    !k.told         ? ""
                    : k.ratio() > 1 ? "faster"
                                    : "slower"});
  }
  std::string out = format_table(rows);
  if (!comparison.same_setting) out += "\nThe runs differ in device, dtype or threads.\n";
  for (const std::string& name : comparison.only_one) out += str("\nIn one of the runs only: ", name);
  if (!comparison.only_one.empty()) out += "\n";
  return out;
}

std::string comparison_json(const KernelComparison& comparison) {
  Json kernels = Json::array();
  for (const KernelChange& k : comparison.kernels) {
    kernels.push_back({{"name", k.name},
                       {"shape", k.shape},
                       {"before", k.before},
                       {"after", k.after},
                       {"ratio", k.ratio()},
                       {"noise", k.noise},
                       {"told", k.told}});
  }
  const Json out = {
      {"same_setting", comparison.same_setting}, {"kernels", std::move(kernels)}, {"only_one", comparison.only_one}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sclip
