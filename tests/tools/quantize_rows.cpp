// quantize_rows COLS < ROWS: for the test that compares with PyTorch's E4M3. ROWS are f32 in binary; what is written
// are the codes of all rows, then their scales in f32.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "kernels/quantize_fp8/quantize_fp8.h"

int main(int argc, char** argv) {
  const int64_t cols = argc == 2 ? std::atoll(argv[1]) : 0;
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  if (cols < 1 || input.size() % (static_cast<size_t>(cols) * sizeof(float)) != 0) {
    std::cerr << "usage: quantize_rows COLS < rows of COLS floats\n";
    return 2;
  }
  std::vector<float> x(input.size() / sizeof(float));
  std::copy_n(input.data(), input.size(), reinterpret_cast<char*>(x.data()));
  const int64_t rows = static_cast<int64_t>(x.size()) / cols;
  std::vector<uint8_t> codes(x.size());
  std::vector<float> scales(static_cast<size_t>(rows));
  sclip::quantize_rows_on_host(x.data(), rows, cols, codes.data(), scales.data());
  std::cout.write(reinterpret_cast<const char*>(codes.data()), static_cast<std::streamsize>(codes.size()));
  std::cout.write(reinterpret_cast<const char*>(scales.data()),
                  static_cast<std::streamsize>(scales.size() * sizeof(float)));
  return std::cout.good() ? 0 : 1;
}
