// Who asks for memory, and who starts threads, while a program watches: the allocator and pthread_create of the whole
// process, this program's, its libraries' and theirs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sclip::testing {

struct Allocations {
  int64_t count = 0;    // malloc, calloc, realloc, aligned ones, and so operator new
  int64_t threads = 0;  // started
  int64_t onednn = 0;   // of `count`, those that oneDNN's own code made: the first frame of any library but libc's and
                        // libstdc++'s is in it
  std::map<std::string, int64_t> onednn_calls;  // the same by the function of oneDNN that the library had called
  std::vector<std::string> others;              // the frames of the rest, the first few
};

// Counts on all threads between construction and `stop`. One at a time.
class AllocationWatch {
 public:
  AllocationWatch();
  ~AllocationWatch();
  Allocations stop();
};

}  // namespace sclip::testing
