#include "engine/text/prompt_trie.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "sclip/error.h"

namespace sclip {
namespace {

using Prompt = std::span<const int32_t>;

// A prompt ends at the first of its end tokens: an end token in the text hides what follows.
Prompt until_readout(Prompt prompt, size_t index) {
  SCLIP_CHECK(!prompt.empty(), kInvalidArgument, "prompt ", index, " has no tokens: it needs at least an end token");
  const auto end = std::find(prompt.begin(), prompt.end(), prompt.back());
  return {prompt.begin(), end + 1};
}

size_t shared_length(Prompt a, Prompt b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

// Adds the prompts of a sorted list. `path` holds the nodes of the last one, which shares the next one's beginning.
class TrieBuilder {
 public:
  // Nodes that `prompt` would add to the trie as it is.
  size_t new_nodes(Prompt prompt) const { return prompt.size() - shared_length(prompt, last_); }

  int32_t add(Prompt prompt) {
    const size_t shared = shared_length(prompt, last_);
    path_.resize(shared);
    for (size_t i = shared; i < prompt.size(); ++i) {
      trie_.token.push_back(prompt[i]);
      trie_.position.push_back(static_cast<int32_t>(i));
      trie_.parent.push_back(i == 0 ? -1 : path_[i - 1]);
      path_.push_back(static_cast<int32_t>(trie_.size()) - 1);
    }
    last_ = prompt;
    return path_.back();
  }

  size_t size() const { return trie_.size(); }

  PromptTrie finish() {
    last_ = {};
    path_.clear();
    return std::exchange(trie_, {});
  }

 private:
  PromptTrie trie_;
  Prompt last_;
  std::vector<int32_t> path_;
};

}  // namespace

PromptTries build_prompt_tries(std::span<const std::vector<int32_t>> prompts, int64_t max_nodes, int context) {
  std::vector<Prompt> ended;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const Prompt prompt = until_readout(prompts[i], i);
    SCLIP_CHECK(std::ssize(prompt) <= context, kInvalidArgument, "prompt ", i, " has ", prompt.size(),
                " tokens, more than the context of ", context);
    SCLIP_CHECK(std::ssize(prompt) <= max_nodes, kInvalidArgument, "prompt ", i, " has ", prompt.size(),
                " tokens, and a trie may have only ", max_nodes, " nodes: allow at least the longest prompt");
    SCLIP_CHECK(prompt.front() == prompts[0].front(), kInvalidArgument, "prompt ", i, " begins with token ",
                prompt.front(), " and prompt 0 with ", prompts[0].front(), ": all must begin with the start token");
    ended.push_back(prompt);
  }
  std::vector<size_t> order(prompts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::lexicographical_compare(ended[a].begin(), ended[a].end(), ended[b].begin(), ended[b].end());
  });

  PromptTries out;
  out.readouts.resize(prompts.size());
  out.padded_positions = std::ssize(prompts) * context;
  TrieBuilder builder;
  Prompt previous;
  for (const size_t i : order) {
    const Prompt prompt = ended[i];
    out.prompt_positions += std::ssize(prompt);
    out.distinct_prefixes += static_cast<int64_t>(prompt.size() - shared_length(prompt, previous));
    previous = prompt;
    if (static_cast<int64_t>(builder.size() + builder.new_nodes(prompt)) > max_nodes) {
      out.tries.push_back(builder.finish());
    }
    out.readouts[i] = {static_cast<int32_t>(out.tries.size()), builder.add(prompt)};
  }
  if (builder.size() > 0) out.tries.push_back(builder.finish());
  for (const PromptTrie& trie : out.tries) out.nodes += static_cast<int64_t>(trie.size());
  return out;
}

}  // namespace sclip
