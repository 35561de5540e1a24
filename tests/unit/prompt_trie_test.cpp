#include "engine/text/prompt_trie.h"

#include <algorithm>
#include <random>
#include <set>

#include "core/file.h"
#include "engine/text/tokenizer.h"
#include "sclip/class_list.h"
#include "sclip/error.h"
#include "sclip/templates.h"
#include "tests/catch.h"

using namespace sclip;
using Prompt = std::vector<int32_t>;

namespace {

constexpr int32_t kStart = 100;
constexpr int32_t kEnd = 101;

// Few tokens and short prompts, so that much is shared and some prompts are equal.
std::vector<Prompt> random_prompts(size_t count, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<Prompt> prompts;
  for (size_t i = 0; i < count; ++i) {
    Prompt prompt{kStart};
    for (auto length = random() % 7; length > 0; --length) prompt.push_back(static_cast<int32_t>(random() % 3));
    prompt.push_back(kEnd);
    prompts.push_back(prompt);
  }
  return prompts;
}

Prompt path_to(const PromptTrie& trie, int32_t node) {
  Prompt path;
  for (; node >= 0; node = trie.parent[static_cast<size_t>(node)])
    path.push_back(trie.token[static_cast<size_t>(node)]);
  std::reverse(path.begin(), path.end());
  return path;
}

// Every node's path from the root, a set per trie; checks what must hold in each trie.
std::vector<std::set<Prompt>> check_tries(const PromptTries& tries, int64_t max_nodes) {
  std::vector<std::set<Prompt>> paths;
  int64_t nodes = 0;
  for (const PromptTrie& trie : tries.tries) {
    REQUIRE(trie.size() > 0);
    REQUIRE(static_cast<int64_t>(trie.size()) <= max_nodes);
    REQUIRE(trie.position.size() == trie.size());
    REQUIRE(trie.parent.size() == trie.size());
    nodes += static_cast<int64_t>(trie.size());
    std::set<Prompt>& seen = paths.emplace_back();
    for (size_t n = 0; n < trie.size(); ++n) {
      const int32_t parent = trie.parent[n];
      REQUIRE((parent < 0) == (n == 0));
      if (n > 0) {
        REQUIRE(parent < static_cast<int32_t>(n));
        REQUIRE(trie.position[n] == trie.position[static_cast<size_t>(parent)] + 1);
        // Depth first: a node follows its parent or a descendant of its parent.
        REQUIRE(trie.position[n] <= trie.position[n - 1] + 1);
      } else {
        REQUIRE(trie.position[n] == 0);
      }
      REQUIRE(seen.insert(path_to(trie, static_cast<int32_t>(n))).second);
    }
  }
  CHECK(tries.nodes == nodes);
  return paths;
}

}  // namespace

TEST_CASE("tries hold exactly the prefixes of their prompts", "[prompt_trie]") {
  for (unsigned seed = 0; seed < 40; ++seed) {
    const auto prompts = random_prompts(1 + seed * 3, seed);
    std::set<Prompt> prefixes;
    for (const Prompt& prompt : prompts) {
      for (size_t length = 1; length <= prompt.size(); ++length)
        prefixes.emplace(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(length));
    }
    for (const int64_t max_nodes : {9, 10, 23, 100000}) {
      CAPTURE(seed, max_nodes);
      const PromptTries tries = build_prompt_tries(prompts, max_nodes);
      std::set<Prompt> found;
      for (const auto& paths : check_tries(tries, max_nodes)) found.insert(paths.begin(), paths.end());
      CHECK(found == prefixes);
      CHECK(tries.distinct_prefixes == static_cast<int64_t>(prefixes.size()));
      if (max_nodes == 100000) CHECK(tries.nodes == tries.distinct_prefixes);
      REQUIRE(tries.readouts.size() == prompts.size());
      for (size_t i = 0; i < prompts.size(); ++i) {
        const auto [trie, node] = tries.readouts[i];
        CHECK(path_to(tries.tries.at(static_cast<size_t>(trie)), node) == prompts[i]);
      }
    }
  }
}

TEST_CASE("only the path across a cut is repeated", "[prompt_trie]") {
  const auto prompts = random_prompts(300, 7);
  const PromptTries tries = build_prompt_tries(prompts, 40);
  // A prompt has at most 8 tokens; its end token is its own, so at most 7 of a path can be shared.
  CHECK(tries.tries.size() > 5);
  CHECK(tries.nodes <= tries.distinct_prefixes + 7 * static_cast<int64_t>(tries.tries.size() - 1));
}

TEST_CASE("a prompt is read out at its first end token", "[prompt_trie]") {
  const std::vector<Prompt> prompts{{kStart, 1, kEnd, 2, kEnd}, {kStart, 1, kEnd}};
  const PromptTries tries = build_prompt_tries(prompts, 10);
  CHECK(tries.nodes == 3);
  CHECK(tries.readouts[0].node == 2);
  CHECK(tries.readouts[1].node == 2);
}

TEST_CASE("no prompts make no tries", "[prompt_trie]") {
  const PromptTries tries = build_prompt_tries({}, 10);
  CHECK(tries.tries.empty());
  CHECK(tries.nodes == 0);
}

TEST_CASE("prompts that make no trie are refused", "[prompt_trie]") {
  using Catch::Contains;
  const std::vector<Prompt> good{{kStart, 1, 2, kEnd}};
  CHECK_THROWS_WITH(build_prompt_tries(good, 3), Contains("prompt 0 has 4 tokens") && Contains("3 nodes"));
  CHECK_THROWS_WITH(build_prompt_tries(good, 10, 3), Contains("context of 3"));
  CHECK_THROWS_WITH(build_prompt_tries(std::vector<Prompt>{{kStart, kEnd}, {}}, 10),
                    Contains("prompt 1 has no tokens"));
  CHECK_THROWS_WITH(build_prompt_tries(std::vector<Prompt>{{kStart, kEnd}, {1, kEnd}}, 10), Contains("start token"));
}

TEST_CASE("COCO-Stuff with 80 templates shares 22 of 23 positions", "[prompt_trie]") {
  const Tokenizer tokenizer(read_text_file(SCLIP_SOURCE_DIR "/engine/text/data/clip_merges.txt"));
  std::vector<Prompt> prompts;
  const ClassList classes = parse_class_file(builtin_class_file("coco_stuff"), "coco_stuff");
  for (const std::string& query : classes.queries()) {
    for (const std::string_view text : imagenet_templates()) {
      prompts.push_back(tokenizer.encode_prompt(apply_template(text, query)));
    }
  }
  REQUIRE(prompts.size() == 13680);
  const PromptTries tries = build_prompt_tries(prompts, 4096);
  CHECK(tries.padded_positions == 1053360);
  CHECK(tries.prompt_positions == 122076);
  CHECK(tries.distinct_prefixes == 47040);
  CHECK(tries.nodes < 47200);
}
