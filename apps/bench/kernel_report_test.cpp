#include "apps/bench/kernel_report.h"

#include <fstream>

#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

using namespace sclip;

namespace {

KernelTimings timings(double first, double second) {
  return {.device = "a machine",
          .dtype = "f32",
          .threads = 2,
          .ceilings = {.bytes_per_second = 1e10, .flops_per_second = 1e11},
          .kernels = {{.name = "one", .shape = "8×4", .bytes = 1e6, .flops = 0, .seconds = {first, first, first}},
                      {.name = "two",
                       .shape = "8×8",
                       .bytes = 1e3,
                       .flops = 1e8,
                       .seconds = {second * 0.9, second, second * 1.1}}}};
}

}  // namespace

TEST_CASE("the share of the roofline is the nearer of memory and products", "[bench]") {
  const KernelTimings t = timings(2e-4, 4e-3);
  // A megabyte at 10 GB/s takes 0.1 ms; 1e8 FLOP at 1e11 a second 1 ms.
  CHECK(roofline_share(t.kernels[0], t.ceilings, 2e-4) == Approx(0.5));
  CHECK(roofline_share(t.kernels[1], t.ceilings, 4e-3) == Approx(0.25));
  const std::string table = kernel_table(t);
  CHECK(table.find("10.0 GB/s, 100 GFLOP/s") != std::string::npos);
  CHECK(table.find("50.0%") != std::string::npos);
  CHECK(table.find("25.0%") != std::string::npos);
}

TEST_CASE("two runs are compared kernel by kernel", "[bench]") {
  const testing::TemporaryFolder folder;
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(folder.path() / name) << text;
    return folder.path() / name;
  };
  const auto before = write("before.json", kernel_json(timings(2e-4, 4e-3)));
  const auto after = write("after.json", kernel_json(timings(1e-4, 4.1e-3)));
  const KernelComparison c = compare_kernels(before, after);
  REQUIRE(c.kernels.size() == 2);
  CHECK(c.same_setting);
  CHECK(c.only_one.empty());
  CHECK(c.kernels[0].name == "two");
  CHECK(c.kernels[0].ratio() == Approx(4 / 4.1));
  CHECK_FALSE(c.kernels[0].told);  // 2.4 %, where times scatter by 10 %
  CHECK(c.kernels[1].name == "one");
  CHECK(c.kernels[1].ratio() == Approx(2));
  CHECK(c.kernels[1].told);
  CHECK(comparison_table(c).find("faster") != std::string::npos);
  CHECK(comparison_table(c).find("slower") == std::string::npos);

  KernelTimings other = timings(2e-4, 4e-3);
  other.threads = 1;
  other.kernels[1].shape = "16×8";
  const KernelComparison partly = compare_kernels(before, write("other.json", kernel_json(other)));
  CHECK(partly.kernels.size() == 1);
  CHECK(partly.only_one == std::vector<std::string>{"two 8×8", "two 16×8"});
  CHECK_FALSE(partly.same_setting);

  other.kernels.erase(other.kernels.begin());
  CHECK_THROWS_WITH(compare_kernels(before, write("none.json", kernel_json(other))),
                    Catch::Contains("no kernel of one shape in common"));
  CHECK_THROWS_WITH(compare_kernels(before, write("broken.json", "{\"device\": 3}")),
                    Catch::Contains("broken.json is not what `sclip bench kernels --json` prints"));
}
