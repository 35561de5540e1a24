// Data parallelism on the OpenMP threads of the process.
#pragma once

#include <omp.h>

#include <cstdint>
#include <exception>

namespace sclip {

inline int max_threads() {
  return omp_get_max_threads();
}
// Threads that a parallel loop started here would get: 1 inside another one.
inline int threads_here() {
  return omp_in_parallel() ? 1 : omp_get_max_threads();
}
inline void set_num_threads(int threads) {
  omp_set_num_threads(threads);
}

// Calls body(i) for i in [0, count), each once, in no order. The first exception is rethrown here.
template <typename Body>
void parallel_for(int64_t count, const Body& body) {
  if (count <= 1 || max_threads() == 1 || omp_in_parallel()) {
    for (int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  std::exception_ptr error;
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t i = 0; i < count; ++i) {
    try {
      body(i);
    } catch (...) {
#pragma omp critical(sclip_parallel_for_error)
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

// Calls body(lane, i) for i in [0, count), at most one call at a time for each lane in [0, lanes).
// Parallel loops inside `body` run on their caller's thread alone.
template <typename Body>
void parallel_for_lanes(int64_t count, int lanes, const Body& body) {
  std::exception_ptr error;
#pragma omp parallel for schedule(dynamic, 1) num_threads(lanes) if (lanes > 1 && count > 0)
  for (int64_t i = 0; i < count; ++i) {
    try {
      body(omp_get_thread_num(), i);
    } catch (...) {
#pragma omp critical(sclip_parallel_for_error)
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace sclip
