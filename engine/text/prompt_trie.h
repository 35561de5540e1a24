// PromptTrie: prompts that share their beginnings, as a tree of tokens.
//
// The text tower is causal, so what it computes for a token depends on the tokens before it only: two prompts
// that begin alike share that work. COCO-Stuff's 171 classes × 80 templates are 1,053,360 positions as commonly
// computed (77 each), 122,076 up to the end tokens, and 47,040 distinct prefixes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sclip {

// A tree of at most `max_nodes` tokens. Nodes are in depth-first order, hence a parent precedes its children.
struct PromptTrie {
  std::vector<int32_t> token;     // (n)
  std::vector<int32_t> position;  // (n) depth: the root's is 0
  std::vector<int32_t> parent;    // (n) -1 at the root

  size_t size() const { return token.size(); }
};

struct PromptTries {
  // Where a prompt is read out: the node of its end token.
  struct Readout {
    int32_t trie;
    int32_t node;
  };
  std::vector<PromptTrie> tries;
  std::vector<Readout> readouts;  // one per prompt given, in that order; equal prompts share a node

  // How much work the sharing saves.
  int64_t padded_positions = 0;  // prompts × context
  int64_t prompt_positions = 0;  // up to the end tokens
  int64_t distinct_prefixes = 0;
  int64_t nodes = 0;  // distinct prefixes, and the paths that several tries repeat
};

// Builds the tries of `prompts`, each SOT … EOT. A prompt ends at its first EOT, where CLIP reads it out, EOT being
// its last token. Sorted prompts are cut into tries of at most `max_nodes` nodes; only the path that
// crosses a cut is repeated. `max_nodes` must hold the longest prompt.
PromptTries build_prompt_tries(std::span<const std::vector<int32_t>> prompts, int64_t max_nodes, int context = 77);

}  // namespace sclip
