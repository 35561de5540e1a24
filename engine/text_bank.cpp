#include "sclip/text_bank.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>

#include "backends/backend.h"
#include "core/buffer.h"
#include "core/hash.h"
#include "core/utf8.h"
#include "engine/text/tokenizer.h"
#include "engine/text_bank_cache.h"
#include "engine/text_encoder.h"
#include "sclip/engine.h"
#include "sclip/error.h"
#include "sclip/templates.h"

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
  add(engine.sha256());
  add(engine.device().name);
  add(truncate ? "truncate" : "refuse");
  for (const std::string& t : templates) add(t);
  add("queries");
  for (const std::string& q : classes.queries()) add(q);
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
                                    std::span<const std::string> templates, const TextBankOptions& options) {
  const auto per_query = static_cast<int64_t>(templates.size());
  const auto queries = static_cast<int64_t>(classes.queries().size());
  std::vector<std::vector<int32_t>> prompts(static_cast<size_t>(queries * per_query));
  const Overflow overflow = options.truncate ? Overflow::kTruncate : Overflow::kError;
  engine.backend().thread_pool().parallel_for(queries, [&](int64_t q) {
    options.control.check();
    for (int64_t t = 0; t < per_query; ++t) {
      prompts[static_cast<size_t>(q * per_query + t)] = engine.tokenizer().encode_prompt(
          apply_template(templates[static_cast<size_t>(t)], classes.queries()[static_cast<size_t>(q)]),
          engine.config().text.context, overflow);
    }
  });
  const auto stream = engine.backend().make_stream();
  const AlignedBuffer<float> features = engine.text().encode(*stream, prompts, options.control);
  const int64_t dim = engine.config().embed_dim;
  AlignedBuffer<float> out(static_cast<size_t>(queries * dim));
  for (int64_t q = 0; q < queries; ++q) {
    average(features.data() + q * per_query * dim, per_query, dim, out.data() + q * dim);
  }
  return out;
}

double squared_length(std::span<const float> row) {
  double sum = 0;
  for (const float x : row) sum += double{x} * double{x};
  return sum;
}

}  // namespace

TextBank::~TextBank() = default;

TextBank::TextBank(const Engine& engine, ClassList classes, std::vector<float> embeddings)
    : backend_id_(engine.backend().id()),
      classes_(std::move(classes)),
      embed_dim_(engine.config().embed_dim),
      embeddings_(std::move(embeddings)) {
  static std::atomic<uint64_t> banks{0};
  id_ = ++banks;
  for (int64_t k = 0; k < queries(); ++k) {
    const auto row = this->embeddings().subspan(static_cast<size_t>(k * embed_dim_), static_cast<size_t>(embed_dim_));
    SCLIP_CHECK(std::isfinite(squared_length(row)), kInvalidArgument, "the embedding of query ", k, " ('",
                shorten_utf8(classes_.queries()[static_cast<size_t>(k)], 60),
                "') is not finite: its weights or where it comes from are damaged");
  }
  // Cosines decide between classes in their fourth digit: the product stays in f32 whatever the towers use.
  similarity_ = engine.backend().make_linear(
      {.name = "text bank",
       .weight = {.data = embeddings_.data(), .dtype = DType::kF32, .shape = {queries(), embed_dim_}}});
}

std::shared_ptr<const TextBank> make_text_bank(const Engine& engine, ClassList classes,
                                               const TextBankOptions& options) {
  SCLIP_CHECK(!classes.queries().empty(), kInvalidArgument, "no classes: give at least one name to look for");
  options.control.check();
  std::vector<std::string> templates = options.templates;
  if (templates.empty()) templates.assign(imagenet_templates().begin(), imagenet_templates().end());
  for (size_t t = 0; t < templates.size(); ++t) check_template(templates[t], str("template ", t + 1));

  const auto queries = static_cast<int64_t>(classes.queries().size());
  const int64_t embed_dim = engine.config().embed_dim;
  std::vector<std::string> warnings = classes.warnings();
  std::optional<TextBankCache> cache;
  std::optional<AlignedBuffer<float>> cached;
  std::string distrust = options.cache_folder ? distrusted_folder(*options.cache_folder) : "";
  if (!distrust.empty()) {
    warnings.push_back(std::move(distrust));
  } else if (options.cache_folder) {
    cache.emplace(*options.cache_folder, cache_key(engine, classes, templates, options.truncate));
    TextBankCache::Lookup found = cache->load(queries, embed_dim);
    if (!found.damage.empty()) warnings.push_back(found.damage + "; it was rebuilt");
    cached = std::move(found.embeddings);
  }
  const bool from_cache = cached.has_value();
  AlignedBuffer<float> embeddings =
      from_cache ? std::move(*cached) : encode_queries(engine, classes, templates, options);
  const std::shared_ptr<TextBank> bank(
      new TextBank(engine, std::move(classes), std::vector<float>(embeddings.begin(), embeddings.end())));
  if (from_cache) {
    options.control.report(1);
  } else if (cache) {
    try {
      cache->store(bank->embeddings_.data(), queries, embed_dim);
    } catch (const Error& e) {
      warnings.push_back(str("the text bank was not cached: ", e.what()));
    }
  }
  bank->from_cache_ = from_cache;
  bank->warnings_ = std::move(warnings);
  return bank;
}

std::shared_ptr<const TextBank> bank_from_embeddings(const Engine& engine, ClassList classes,
                                                     std::span<const float> embeddings) {
  // A unit vector rounded to f16 has a squared length within 2 · 2^-11 of 1, and a little more from the second order.
  constexpr double kTolerance = 1e-3;
  const auto dim = static_cast<size_t>(engine.config().embed_dim);
  const size_t queries = classes.queries().size();
  SCLIP_CHECK(queries > 0 && embeddings.size() == queries * dim, kInvalidArgument, "a text bank of ", queries,
              " queries from ", embeddings.size(), " numbers: this model's embeddings have ", dim, ", so give ",
              queries * dim);
  for (size_t k = 0; k < queries; ++k) {
    const double squares = squared_length(embeddings.subspan(k * dim, dim));
    // NaN and infinities are left to the bank's own check.
    SCLIP_CHECK(squares == 0 || !(std::abs(squares - 1) > kTolerance) || !std::isfinite(squares), kInvalidArgument,
                "the embedding of query ", k, " ('", shorten_utf8(classes.queries()[k], 60), "') has length ",
                std::sqrt(squares), ": divide it by that, or cosines are none");
  }
  const std::shared_ptr<TextBank> bank(
      new TextBank(engine, std::move(classes), std::vector<float>(embeddings.begin(), embeddings.end())));
  bank->warnings_ = bank->classes_.warnings();
  return bank;
}

void check_bank(const Engine& engine, const TextBank& bank) {
  SCLIP_CHECK(bank.backend() == engine.backend().id(), kInvalidArgument, "a text bank of ", bank.queries(),
              " queries of another engine: ", engine.name(), " on ", engine.device().name,
              " can use its own only; make the bank with the engine that the session runs on");
}

std::optional<std::filesystem::path> default_cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? std::filesystem::path(value) : std::filesystem::path();
  };
  if (const auto folder = variable("SCLIP_CACHE_DIR"); !folder.empty()) return folder;
  if (const auto folder = variable("XDG_CACHE_HOME"); !folder.empty()) return folder / "sclip";
  if (const auto folder = variable("HOME"); !folder.empty()) return folder / ".cache" / "sclip";
  // A service may run without HOME. A folder that any user could have made beforehand is not taken instead.
  std::array<char, 4096> text{};
  passwd entry{}, *found = nullptr;
  std::error_code error;
  if (::getpwuid_r(::geteuid(), &entry, text.data(), text.size(), &found) != 0 || found == nullptr) return std::nullopt;
  const std::filesystem::path home(found->pw_dir);
  if (!home.is_absolute() || !std::filesystem::is_directory(home, error)) return std::nullopt;
  return home / ".cache" / "sclip";
}

}  // namespace sclip
