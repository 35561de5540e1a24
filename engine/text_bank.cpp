#include "engine/text_bank.h"

#include <atomic>
#include <cmath>
#include <cstdlib>

#include "core/error.h"
#include "core/hash.h"
#include "engine/engine.h"
#include "engine/text/templates.h"
#include "engine/text/tokenizer.h"
#include "engine/text_bank_cache.h"
#include "engine/text_encoder.h"

namespace sclip {
namespace {

std::string cache_key(const Engine& engine, const ClassList& classes, std::span<const std::string> templates,
                      bool truncate) {
  Sha256 hash;
  const auto add = [&](std::string_view text) {
    hash.update(str(text.size(), ":"));
    hash.update(text);
  };
  add("text bank 2");
  add(engine.blob().sha256());
  add(engine.backend().name());
  add(truncate ? "truncate" : "refuse");
  for (const std::string& t : templates) add(t);
  add("queries");
  for (const std::string& q : classes.queries) add(q);
  return hash.hex();
}

// Mean of the unit features of a query's prompts, made a unit vector again; zeros stay zeros.
void average(const float* features, int64_t count, int64_t dim, float* out) {
  std::vector<double> sum(static_cast<size_t>(dim), 0.0);
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t c = 0; c < dim; ++c) sum[static_cast<size_t>(c)] += static_cast<double>(features[i * dim + c]);
  }
  double squares = 0;
  for (const double x : sum) squares += x * x;
  const double inverse = squares > 0 ? 1.0 / std::sqrt(squares) : 0.0;
  for (int64_t c = 0; c < dim; ++c) out[c] = static_cast<float>(sum[static_cast<size_t>(c)] * inverse);
}

AlignedBuffer<float> encode_queries(const Engine& engine, const ClassList& classes,
                                    std::span<const std::string> templates, bool truncate) {
  const auto per_query = static_cast<int64_t>(templates.size());
  const auto queries = static_cast<int64_t>(classes.queries.size());
  std::vector<std::vector<int32_t>> prompts(static_cast<size_t>(queries * per_query));
  const Overflow overflow = truncate ? Overflow::kTruncate : Overflow::kError;
  engine.backend().thread_pool().parallel_for(queries, [&](int64_t q) {
    for (int64_t t = 0; t < per_query; ++t) {
      prompts[static_cast<size_t>(q * per_query + t)] = engine.tokenizer().encode_prompt(
          apply_template(templates[static_cast<size_t>(t)], classes.queries[static_cast<size_t>(q)]),
          engine.config().text.context, overflow);
    }
  });
  const auto stream = engine.backend().make_stream();
  const AlignedBuffer<float> features = engine.text().encode(*stream, prompts);
  const int64_t dim = engine.config().embed_dim;
  AlignedBuffer<float> out(static_cast<size_t>(queries * dim));
  for (int64_t q = 0; q < queries; ++q) {
    average(features.data() + q * per_query * dim, per_query, dim, out.data() + q * dim);
  }
  return out;
}

}  // namespace

std::shared_ptr<const TextBank> make_text_bank(const Engine& engine, ClassList classes,
                                               const TextBankOptions& options) {
  SCLIP_CHECK(!classes.queries.empty(), kInvalidArgument, "no classes: give at least one name to look for");
  std::vector<std::string> templates = options.templates;
  if (templates.empty()) templates.assign(imagenet_templates().begin(), imagenet_templates().end());

  static std::atomic<uint64_t> banks{0};
  auto bank = std::make_shared<TextBank>();
  bank->id_ = ++banks;
  bank->embed_dim_ = engine.config().embed_dim;
  const auto queries = static_cast<int64_t>(classes.queries.size());
  std::optional<TextBankCache> cache;
  if (options.cache_folder) {
    cache.emplace(*options.cache_folder, cache_key(engine, classes, templates, options.truncate));
    TextBankCache::Lookup found = cache->load(queries, bank->embed_dim_);
    if (!found.damage.empty()) bank->warnings_.push_back(found.damage + "; it was rebuilt");
    if (found.embeddings) {
      bank->embeddings_ = std::move(*found.embeddings);
      bank->from_cache_ = true;
    }
  }
  if (!bank->from_cache_) {
    bank->embeddings_ = encode_queries(engine, classes, templates, options.truncate);
    if (cache) {
      try {
        cache->store(bank->embeddings_.data(), queries, bank->embed_dim_);
      } catch (const Error& e) {
        bank->warnings_.push_back(str("the text bank was not cached: ", e.what()));
      }
    }
  }
  // Cosines decide between classes in their fourth digit: the product stays in f32 whatever the towers use.
  bank->similarity_ = engine.backend().make_linear(
      {.name = "text bank",
       .weight = {.data = bank->embeddings_.data(), .dtype = DType::kF32, .shape = {queries, bank->embed_dim_}}});
  bank->classes_ = std::move(classes);
  return bank;
}

std::filesystem::path default_cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? std::filesystem::path(value) : std::filesystem::path();
  };
  if (const auto folder = variable("SCLIP_CACHE_DIR"); !folder.empty()) return folder;
  if (const auto folder = variable("XDG_CACHE_HOME"); !folder.empty()) return folder / "sclip";
  if (const auto folder = variable("HOME"); !folder.empty()) return folder / ".cache" / "sclip";
  return std::filesystem::temp_directory_path() / "sclip";
}

}  // namespace sclip
