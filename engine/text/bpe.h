// BpeMerges: the merge table of a byte-level BPE, and the merging of one word.
//
// Symbols are ids: 0…255 the bytes (in CLIP's order), 256…511 the same bytes at the end of a word, and
// 512 + i what line i of the table merges. A symbol's id is therefore also its priority: lower merges first.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sclip {

class BpeMerges {
 public:
  // Throws kCorruptData on a line that is not "left right", a part that no earlier line or byte makes,
  // or a product that exists already.
  explicit BpeMerges(std::string_view text);

  // Memory that merging reuses from word to word; one per thread.
  class Scratch {
    friend class BpeMerges;
    struct Symbol {
      int32_t id;  // -1 once merged into its left neighbour
      int32_t previous;
      int32_t next;
    };
    struct Candidate {
      int32_t merged;
      int32_t left;  // index of the left symbol
    };
    std::vector<Symbol> symbols;
    std::vector<Candidate> heap;
  };

  // Appends the ids of one non-empty word, which ends with the end-of-word mark.
  void append_word(std::string_view word, Scratch& scratch, std::vector<int32_t>& ids) const;

  // Appends the bytes of a symbol; returns whether it ends a word.
  bool append_bytes(int32_t id, std::string& bytes) const;

  int32_t vocab_size() const { return kByteSymbols + static_cast<int32_t>(pairs_.size()); }

 private:
  static constexpr int32_t kByteSymbols = 512;
  struct Pair {
    int32_t left;
    int32_t right;
  };
  struct Slot {
    Pair pair;
    int32_t merged;  // 0 marks an empty slot: no pair merges into a byte
  };

  int32_t merged(int32_t left, int32_t right) const;
  void insert(Pair pair, int32_t merged);
  void push_candidate(Scratch& scratch, int32_t left) const;

  std::array<int32_t, 256> id_of_byte_;
  std::array<char, 256> byte_of_id_;
  std::vector<Pair> pairs_;  // what symbol 512 + i was merged from
  std::vector<Slot> slots_;  // open addressing, a power of two
};

}  // namespace sclip
