#include "backends/mirrored.h"

#include <cstring>

#include "kernels/gather_rows/gather_rows.h"
#include "tests/catch.h"
#include "tests/dut.h"

using namespace sclip;

TEST_CASE("a mirrored array carries values to the backend and back", "[device][mirrored]") {
  testing::Dut& dut = testing::Dut::get();
  Mirrored<float> in, out;
  CHECK(in.device() == nullptr);
  CHECK(in.host() == nullptr);
  for (const int64_t count : {3, 100, 5}) {
    in.reserve(dut.backend(), count);
    out.reserve(dut.backend(), count);
    CHECK(in.count() == count);
    CHECK((in.host() == in.device()) == dut.backend().is_host());
    for (int64_t i = 0; i < count; ++i) in.host()[i] = static_cast<float>(i + count);
    std::memset(out.host(), 0xff, static_cast<size_t>(count) * sizeof(float));
    in.upload(dut.stream());
    // Through the backend: row i of `in` becomes row i of `out`.
    std::vector<int32_t> rows(static_cast<size_t>(count));
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int32_t>(rows.size() - 1 - i);
    auto indices = dut.copy(rows);
    dut.stream().gather_rows(
        {.x = in.device(), .indices = indices.data(), .out = out.device(), .count = count, .cols = 1});
    out.download(dut.stream());
    dut.stream().synchronize();
    for (int64_t i = 0; i < count; ++i) CHECK(out.host()[i] == static_cast<float>(count - 1 - i + count));
  }
}

TEST_CASE("a mirrored array moves only when it grows", "[device][mirrored]") {
  testing::Dut& dut = testing::Dut::get();
  Mirrored<int32_t> array;
  array.reserve(dut.backend(), 10);
  const uint64_t first = array.generation();
  const int32_t* at = array.device();
  array.reserve(dut.backend(), 4);
  CHECK(array.generation() == first);
  CHECK(array.device() == at);
  array.reserve(dut.backend(), 11);
  CHECK(array.generation() != first);
  const uint64_t second = array.generation();
  array.trim();
  CHECK(array.generation() != second);
  CHECK(array.device() == nullptr);
  CHECK(array.host() == nullptr);
  array.reserve(dut.backend(), 1);
  CHECK(array.device() != nullptr);
}
