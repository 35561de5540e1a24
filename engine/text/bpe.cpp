#include "engine/text/bpe.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "core/utf8.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr std::string_view kEndOfWord = "</w>";

// The table spells a byte as one printable character: itself where Latin-1 prints it, else U+0100 onwards.
bool is_printable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

// Longer than any real table by far; the ids stay clear of int32_t.
constexpr size_t kMaxMerges = 1u << 24;

size_t hash(int32_t left, int32_t right) {
  const uint64_t key = (static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right)) * 0x9E3779B97F4A7C15u;
  return static_cast<size_t>(key >> 32);
}

// For a heap whose top is the lowest id and, among equals, the leftmost. CLIP merges all occurrences of the best pair
// from left to right; as a merge only makes pairs that rank after it, taking them one at a time is the same.
constexpr auto kWorse = [](const auto& a, const auto& b) {
  return a.merged != b.merged ? a.merged > b.merged : a.left > b.left;
};

}  // namespace

BpeMerges::BpeMerges(std::string_view text) {
  std::unordered_map<std::string, int32_t> id_of_spelling;
  int32_t next_id = 0;
  char32_t next_stand_in = 0x100;
  for (const bool printable : {true, false}) {
    for (int byte = 0; byte < 256; ++byte) {
      if (is_printable(byte) != printable) continue;
      std::string spelling;
      append_utf8(printable ? static_cast<char32_t>(byte) : next_stand_in++, spelling);
      id_of_byte_[static_cast<size_t>(byte)] = next_id;
      byte_of_id_[static_cast<size_t>(next_id)] = static_cast<char>(byte);
      id_of_spelling[spelling] = next_id;
      id_of_spelling[spelling += kEndOfWord] = next_id + 256;
      ++next_id;
    }
  }

  const auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  SCLIP_CHECK(lines <= kMaxMerges, kCorruptData, "the tokenizer's merges have ", lines, " lines, more than ",
              kMaxMerges);
  pairs_.reserve(lines);
  id_of_spelling.reserve(lines + kByteSymbols);
  slots_.assign(std::bit_ceil(lines * 2), Slot{});

  size_t number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    ++number;

    const size_t space = line.find(' ');
    SCLIP_CHECK(space != std::string_view::npos && space > 0 && space + 1 < line.size() &&
                    line.find(' ', space + 1) == std::string_view::npos,
                kCorruptData, "line ", number, " of the tokenizer's merges is '", shorten_utf8(line, 40),
                "': it must be two symbols and one space between them");
    std::string left(line.substr(0, space));
    const std::string right(line.substr(space + 1));
    const auto a = id_of_spelling.find(left);
    const auto b = id_of_spelling.find(right);
    // A part is always older than its product: append_word relies on it.
    SCLIP_CHECK(a != id_of_spelling.end() && b != id_of_spelling.end(), kCorruptData, "line ", number,
                " of the tokenizer's merges joins '", shorten_utf8(left, 40), "' and '", shorten_utf8(right, 40),
                "', and ", a == id_of_spelling.end() ? "the first" : "the second",
                " is neither a byte nor made by an earlier line");
    const Pair pair{a->second, b->second};
    const int32_t id = vocab_size();
    const bool added = id_of_spelling.emplace(left += right, id).second;
    SCLIP_CHECK(added, kCorruptData, "line ", number, " of the tokenizer's merges makes '", shorten_utf8(left, 40),
                "', which exists already");
    pairs_.push_back(pair);
    insert(pair, id);
  }
  SCLIP_CHECK(!pairs_.empty(), kCorruptData, "the tokenizer's merges are empty: CLIP's table has 48894 lines");
}

void BpeMerges::insert(Pair pair, int32_t merged) {
  const size_t mask = slots_.size() - 1;
  size_t i = hash(pair.left, pair.right) & mask;
  while (slots_[i].merged != 0) i = (i + 1) & mask;
  slots_[i] = {pair, merged};
}

int32_t BpeMerges::merged(int32_t left, int32_t right) const {
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash(left, right) & mask; slots_[i].merged != 0; i = (i + 1) & mask) {
    if (slots_[i].pair.left == left && slots_[i].pair.right == right) return slots_[i].merged;
  }
  return 0;
}

void BpeMerges::push_candidate(Scratch& scratch, int32_t left) const {
  const Scratch::Symbol& symbol = scratch.symbols[static_cast<size_t>(left)];
  if (symbol.next < 0) return;
  const int32_t id = merged(symbol.id, scratch.symbols[static_cast<size_t>(symbol.next)].id);
  if (id == 0) return;
  scratch.heap.push_back({id, left});
  std::push_heap(scratch.heap.begin(), scratch.heap.end(), kWorse);
}

void BpeMerges::append_word(std::string_view word, Scratch& scratch, std::vector<int32_t>& ids) const {
  auto& symbols = scratch.symbols;
  auto& heap = scratch.heap;
  const auto count = static_cast<int32_t>(word.size());
  symbols.clear();
  heap.clear();
  for (int32_t i = 0; i < count; ++i) {
    const auto byte = static_cast<unsigned char>(word[static_cast<size_t>(i)]);
    symbols.push_back({id_of_byte_[byte], i - 1, i + 1 < count ? i + 1 : -1});
  }
  symbols.back().id += 256;
  for (int32_t i = 0; i < count; ++i) push_candidate(scratch, i);

  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), kWorse);
    const auto [id, left_index] = heap.back();
    heap.pop_back();
    auto& left = symbols[static_cast<size_t>(left_index)];
    const Pair& pair = pairs_[static_cast<size_t>(id - kByteSymbols)];
    if (left.id != pair.left || left.next < 0) continue;  // stale: a neighbour was merged away
    auto& right = symbols[static_cast<size_t>(left.next)];
    if (right.id != pair.right) continue;
    left.id = id;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = left_index;
    push_candidate(scratch, left_index);
    if (left.previous >= 0) push_candidate(scratch, left.previous);
  }
  for (int32_t i = 0; i >= 0; i = symbols[static_cast<size_t>(i)].next) {
    ids.push_back(symbols[static_cast<size_t>(i)].id);
  }
}

bool BpeMerges::append_bytes(int32_t id, std::string& bytes) const {
  // Depth first, left before right; a hostile table nests as deep as it has lines, hence no recursion.
  std::vector<int32_t> pending{id};
  bool ends_word = false;
  while (!pending.empty()) {
    const int32_t symbol = pending.back();
    pending.pop_back();
    if (symbol >= kByteSymbols) {
      const Pair& pair = pairs_[static_cast<size_t>(symbol - kByteSymbols)];
      pending.push_back(pair.right);
      pending.push_back(pair.left);
    } else {
      bytes += byte_of_id_[static_cast<size_t>(symbol % 256)];
      ends_word = symbol >= 256;
    }
  }
  return ends_word;
}

}  // namespace sclip
