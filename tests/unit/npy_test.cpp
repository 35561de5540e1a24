#include "core/npy.h"

#include <cstring>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "core/atomic_file.h"
#include "core/file.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

namespace sclip {
namespace {

using Catch::Matchers::Contains;

using Folder = testing::TemporaryFolder;

TEST_CASE("arrays come back as they were written") {
  const Folder folder;
  const DType dtype = GENERATE(DType::kF32, DType::kF16, DType::kU8, DType::kU16, DType::kI32, DType::kI64);
  const Shape shape = GENERATE(Shape{}, Shape{5}, Shape{0}, Shape{2, 3}, Shape{4, 1, 7}, Shape{2, 2, 2, 2});
  std::vector<uint8_t> bytes(static_cast<size_t>(shape.count()) * size_of(dtype));
  std::iota(bytes.begin(), bytes.end(), uint8_t{1});
  write_npy(folder / "a.npy", {bytes.data(), dtype, shape});
  const NpyArray array = read_npy(folder / "a.npy");
  CHECK(array.dtype == dtype);
  CHECK(array.shape == shape);
  REQUIRE(array.data.size() == bytes.size());
  CHECK((bytes.empty() || std::memcmp(array.data.data(), bytes.data(), bytes.size()) == 0));
}

TEST_CASE("the header is what numpy.save writes") {
  const Folder folder;
  const std::vector<float> values(6);
  write_npy(folder / "a.npy", {values.data(), DType::kF32, {2, 3}});
  const std::string text = read_text_file(folder / "a.npy");
  CHECK(text.substr(0, 10) == std::string("\x93NUMPY\x01\x00v\x00", 10));
  CHECK(text.substr(10, 60) == "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } ");
  CHECK(text[127] == '\n');
  CHECK(text.size() == 128 + 24);
  const auto bytes = encode_npy({values.data(), DType::kF32, {2, 3}});
  CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == text);
}

TEST_CASE("an array that is filled in place appears when it is committed") {
  const Folder folder;
  AtomicFile file(folder / "a.npy");
  auto* values = reinterpret_cast<float*>(map_npy(file, DType::kF32, {2, 3, 5}));
  for (int i = 0; i < 30; ++i) {
    CHECK(values[i] == 0);
    values[i] = static_cast<float>(i);
  }
  CHECK_FALSE(std::filesystem::exists(folder / "a.npy"));
  file.commit();
  const NpyArray array = read_npy(folder / "a.npy");
  CHECK(array.shape == Shape{2, 3, 5});
  for (int i = 0; i < 30; ++i) CHECK(array.as<float>()[i] == static_cast<float>(i));
}

TEST_CASE("an array that is not committed leaves nothing") {
  const Folder folder;
  {
    AtomicFile file(folder / "a.npy");
    map_npy(file, DType::kF32, {10});
  }
  CHECK(folder.empty());
}

TEST_CASE("damaged and foreign npy files are refused with the reason") {
  const Folder folder;
  const auto error_of = [&](const std::string& text) -> std::string {
    write_file_atomically(folder / "a.npy", std::string_view(text));
    try {
      read_npy(folder / "a.npy");
    } catch (const Error& error) {
      CHECK_THAT(error.what(), Contains("a.npy"));
      return error.what();
    }
    return "no error";
  };
  const auto with_header = [](std::string header, size_t data) {
    return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header +
           std::string(data, 'x');
  };
  CHECK_THAT(error_of(""), Contains("not a .npy"));
  CHECK_THAT(error_of("hello, this is text"), Contains("not a .npy"));
  CHECK_THAT(error_of(std::string("\x93NUMPY\x02\x00\x10\x00\x00\x00", 12)), Contains("version"));
  CHECK_THAT(error_of(with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 23)), Contains("fit"));
  CHECK_THAT(error_of(with_header("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 24)),
             Contains("Fortran"));
  CHECK_THAT(error_of(with_header("{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", 16)), Contains("<c8"));
  CHECK_THAT(error_of(with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1), }", 4)),
             Contains("shape"));
  CHECK_THAT(error_of(with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999), }", 4)),
             Contains("fit"));
  CHECK_THAT(error_of(with_header("{'fortran_order': False}", 4)), Contains("damaged"));
  CHECK_THAT(error_of(with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2", 8)), Contains("shape"));
}

TEST_CASE("bf16 has no name in NumPy") {
  const Folder folder;
  const uint16_t value = 0;
  CHECK_THROWS_AS(write_npy(folder / "a.npy", {&value, DType::kBF16, {1}}), Error);
  CHECK(folder.empty());
}

}  // namespace
}  // namespace sclip
