// The bytes 0x80…0x9F of Windows-1252, which HTML and ftfy read where Latin-1 has control characters.
#pragma once

namespace sclip {

// The character that a C1 control stands for; the control itself where Windows-1252 leaves a hole.
constexpr char32_t windows_1252(char32_t c) {
  constexpr char32_t kHigh[32] = {0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                  0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                  0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                  0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};
  return c >= 0x80 && c <= 0x9F ? kHigh[c - 0x80] : c;
}

}  // namespace sclip
