// EXPECT for programs under the simulator: counts what fails, says where.
#pragma once
#include <cstdio>

inline int g_failed = 0;

#define EXPECT(condition)                                                 \
  do {                                                                    \
    if (!(condition)) {                                                   \
      std::printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
      ++g_failed;                                                         \
    }                                                                     \
  } while (0)
#define EXPECT_EQ(a, b)                                                                \
  do {                                                                                 \
    const long long got = (long long)(a), want = (long long)(b);                       \
    if (got != want) {                                                                 \
      std::printf("%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #a, got, want); \
      ++g_failed;                                                                      \
    }                                                                                  \
  } while (0)
#define OK(call) EXPECT_EQ(call, 0)

inline int finish(const char* name) {
  std::printf("%s: %d failed\n", name, g_failed);
  return g_failed != 0;
}
