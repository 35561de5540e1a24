// TextBank: the embeddings a photo is compared with: one unit vector per query.
//
// A query's embedding is the normalised mean over templates of the normalised text features
// (method: L2-normalise each, mean, L2-normalise).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sclip/class_list.h"
#include "sclip/run_control.h"

namespace sclip {

class Engine;
class Linear;

struct TextBankOptions {
  std::vector<std::string> templates{};  // each with {} once; empty: the 80 ImageNet templates
  // None: no cache. A folder that belongs to another user, or that everybody may write to, is not used, and warnings()
  // says so.
  std::optional<std::filesystem::path> cache_folder{};
  bool truncate = false;  // a prompt over the context is cut instead of refused
  RunControl control{};   // looked at between tries; a cancelled bank is not cached
};

class TextBank {
 public:
  ~TextBank();
  TextBank(const TextBank&) = delete;
  TextBank& operator=(const TextBank&) = delete;

  uint64_t id() const { return id_; }               // no other bank of this process has it
  uint64_t backend() const { return backend_id_; }  // Backend::id of the engine that made it
  const ClassList& classes() const { return classes_; }
  int64_t queries() const { return static_cast<int64_t>(classes_.queries().size()); }  // K
  int64_t embed_dim() const { return embed_dim_; }                                     // E
  std::span<const float> embeddings() const { return embeddings_; }                    // (K, E)
  bool from_cache() const { return from_cache_; }
  // Those of the class list, a damaged cache that was rebuilt, …
  const std::vector<std::string>& warnings() const { return warnings_; }

  // For the library itself: features (M, E) → cosines (M, K).
  const Linear& similarity() const { return *similarity_; }

 private:
  friend std::shared_ptr<const TextBank> make_text_bank(const Engine&, ClassList, const TextBankOptions&);
  friend std::shared_ptr<const TextBank> bank_from_embeddings(const Engine&, ClassList, std::span<const float>);
  TextBank(const Engine& engine, ClassList classes, std::vector<float> embeddings);

  uint64_t id_ = 0;
  uint64_t backend_id_ = 0;
  ClassList classes_;
  int64_t embed_dim_ = 0;
  std::vector<float> embeddings_;
  std::unique_ptr<Linear> similarity_;
  bool from_cache_ = false;
  std::vector<std::string> warnings_;
};

// Immutable and shared by threads. Cached under the hash of weights, backend and prompts; a cache file that
// is damaged is rebuilt, one that cannot be written is reported in warnings().
std::shared_ptr<const TextBank> make_text_bank(const Engine& engine, ClassList classes, const TextBankOptions& options);

// From embeddings that are there already: (K, E), row k of query k, each of unit length, or zeros for a query that
// nothing is like. Their bits are kept: a bank of another's embeddings() gives the same cosines. Throws
// kInvalidArgument.
std::shared_ptr<const TextBank> bank_from_embeddings(const Engine& engine, ClassList classes,
                                                     std::span<const float> embeddings);

// Throws kInvalidArgument for a bank of another engine: its embeddings mean nothing to this one's image tower, and its
// matrix lies in another backend's memory.
void check_bank(const Engine& engine, const TextBank& bank);

// $SCLIP_CACHE_DIR, or $XDG_CACHE_HOME/sclip, or ~/.cache/sclip; none for a user without a home.
std::optional<std::filesystem::path> default_cache_folder();

}  // namespace sclip
