// TextBank: whose it is, what it may be made of, and how its making is stopped.
#include "sclip/text_bank.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "engine/text/tokenizer.h"
#include "engine/text_encoder.h"
#include "sclip/engine.h"
#include "sclip/segment_config.h"
#include "tests/catch.h"
#include "tests/dut.h"
#include "tests/temporary_folder.h"

using namespace sclip;
using Catch::Contains;

namespace {

std::shared_ptr<const Engine> load_demo() {
  return Engine::load(std::filesystem::path(SCLIP_SOURCE_DIR) / "weights/demo/demo-clip.sclip",
                      {.backend = {.device = testing::device_under_test(), .precision = Precision::kF32}});
}

// Enough prompts with little in common for more than one trie.
ClassList many_classes() {
  return parse_class_file(builtin_class_file("coco_stuff"), "coco_stuff");
}
const std::vector<std::string> kTemplates = {"a photo of a {}.", "{} in the rain.", "my {} at night.", "the old {}",
                                             "no {} here, or so it seems."};

using testing::TemporaryFolder;

template <typename Call>
std::string refusal(ErrorCode code, const Call& call) {
  try {
    call();
  } catch (const Error& e) {
    CHECK(e.code() == code);
    return e.what();
  }
  return "accepted";
}

std::vector<float> copy_of(const TextBank& bank) {
  return {bank.embeddings().begin(), bank.embeddings().end()};
}

}  // namespace

TEST_CASE("a bank's progress never falls and ends at 1", "[text_bank][device]") {
  const auto engine = load_demo();
  TemporaryFolder folder;
  std::vector<double> shares;
  const auto make = [&] {
    shares.clear();
    return make_text_bank(*engine, many_classes(),
                          {.templates = kTemplates,
                           .cache_folder = folder.path(),
                           .control = {.stop = {}, .progress = [&](double share) { shares.push_back(share); }}});
  };
  make();
  REQUIRE(shares.size() >= 2);
  CHECK(shares.front() > 0);
  CHECK(std::is_sorted(shares.begin(), shares.end()));
  CHECK(shares[shares.size() - 2] < 1);
  CHECK(shares.back() == 1);
  CHECK(make()->from_cache());
  CHECK(shares == std::vector<double>{1});
}

TEST_CASE("a bank cancelled in the middle leaves nothing behind", "[text_bank][device]") {
  const auto engine = load_demo();
  const auto expected = make_text_bank(*engine, many_classes(), {.templates = kTemplates});
  TemporaryFolder folder;
  std::stop_source source;
  std::vector<double> shares;
  TextBankOptions options{.templates = kTemplates,
                          .cache_folder = folder.path(),
                          .control = {.stop = source.get_token(), .progress = [&](double share) {
                                        shares.push_back(share);
                                        source.request_stop();
                                      }}};
  const auto make = [&] { make_text_bank(*engine, many_classes(), options); };
  CHECK_THAT(refusal(ErrorCode::kCancelled, make), Contains("cancelled: "));
  CHECK(shares.size() == 1);  // one trie was done, and the next not begun
  CHECK(shares.back() < 1);
  CHECK(folder.empty());
  CHECK_THAT(refusal(ErrorCode::kCancelled, make), Contains("cancelled: "));
  CHECK(shares.size() == 1);

  options.control = {};
  const auto bank = make_text_bank(*engine, many_classes(), options);
  CHECK(!bank->from_cache());
  CHECK(copy_of(*bank) == copy_of(*expected));
  CHECK(!folder.empty());
}

TEST_CASE("the text encoder stops between tries and takes the next call", "[text_bank][device]") {
  const auto engine = load_demo();
  const auto stream = engine->backend().make_stream();
  const std::vector<std::vector<int32_t>> prompts = {engine->tokenizer().encode_prompt("a cat"),
                                                     engine->tokenizer().encode_prompt("a dog")};
  std::stop_source source;
  source.request_stop();
  CHECK(refusal(ErrorCode::kCancelled, [&] {
          engine->text().encode(*stream, prompts, {.stop = source.get_token(), .progress = {}});
        }) != "accepted");
  CHECK(engine->text().encode(*stream, prompts).size() == 2 * static_cast<size_t>(engine->config().embed_dim));
  std::vector<double> shares;
  engine->text().encode(*stream, {}, {.stop = {}, .progress = [&](double share) { shares.push_back(share); }});
  CHECK(shares == std::vector<double>{1});
}

TEST_CASE("the text encoder refuses tokens that its table does not have", "[text_bank]") {
  const auto engine = load_demo();
  const auto stream = engine->backend().make_stream();
  const std::vector<int32_t> good = engine->tokenizer().encode_prompt("a cat");
  for (const int32_t token : {-1, engine->config().text.vocabulary}) {
    std::vector<std::vector<int32_t>> prompts = {good, good};
    prompts[1][1] = token;
    CHECK_THAT(refusal(ErrorCode::kInvalidArgument, [&] { engine->text().encode(*stream, prompts); }),
               Contains("prompt 1 has token " + std::to_string(token)));
  }
}

TEST_CASE("a bank of another engine is refused", "[text_bank][device]") {
  const auto first = load_demo(), second = load_demo();
  CHECK(first->backend().id() != second->backend().id());
  const auto bank = make_text_bank(*first, parse_class_argument("sky; tree"), {.templates = {"{}"}});
  CHECK_NOTHROW(check_bank(*first, *bank));
  CHECK_THAT(refusal(ErrorCode::kInvalidArgument, [&] { check_bank(*second, *bank); }),
             Contains("2 queries of another engine") && Contains("demo-clip.sclip"));
}

TEST_CASE("a bank of another's embeddings has their bits", "[text_bank][device]") {
  const auto engine = load_demo();
  const ClassList classes = parse_class_argument("sky; building, house; tree");
  const auto bank = make_text_bank(*engine, classes, {.templates = {"a {}"}});
  const auto copy = bank_from_embeddings(*engine, classes, bank->embeddings());
  CHECK(copy_of(*copy) == copy_of(*bank));
  CHECK(copy->id() != bank->id());
  CHECK_NOTHROW(check_bank(*engine, *copy));
  CHECK(copy->similarity().outputs() == 4);
  CHECK(copy->similarity().inputs() == engine->config().embed_dim);
}

TEST_CASE("embeddings that cannot be a bank are refused", "[text_bank]") {
  const auto engine = load_demo();
  const ClassList classes = parse_class_argument("sky; tree");
  const auto dim = static_cast<size_t>(engine->config().embed_dim);
  std::vector<float> good(2 * dim, 0.f);
  good[3] = 1;
  good[dim + 5] = -1;
  const auto refused = [&](const std::vector<float>& embeddings) {
    return refusal(ErrorCode::kInvalidArgument, [&] { bank_from_embeddings(*engine, classes, embeddings); });
  };
  REQUIRE(refused(good) == "accepted");
  CHECK_THAT(refused({good.begin(), good.end() - 1}),
             Contains("2 queries from " + std::to_string(2 * dim - 1) + " numbers"));
  CHECK_THAT(refused({}), Contains("from 0 numbers"));
  std::vector<float> zero = good;
  zero[3] = 0;
  CHECK(refused(zero) == "accepted");
  std::vector<float> longer = good;
  longer[dim + 5] = 2;
  CHECK_THAT(refused(longer), Contains("query 1 ('tree') has length 2: divide it by that"));
  // What rounding to f16 leaves of a unit vector, and twice that.
  std::vector<float> rounded = good;
  rounded[3] = 1 - 0x1p-11f;
  CHECK(refused(rounded) == "accepted");
  rounded[3] = 1 - 0x1p-10f;
  CHECK_THAT(refused(rounded), Contains("query 0 ('sky') has length 0.999"));
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> broken = good;
    broken[dim] = bad;
    CHECK_THAT(refused(broken), Contains("query 1 ('tree') is not finite"));
  }
}

TEST_CASE("templates are checked before anything is computed", "[text_bank]") {
  const auto engine = load_demo();
  const auto refused = [&](const std::vector<std::string>& templates) {
    return refusal(ErrorCode::kInvalidArgument,
                   [&] { make_text_bank(*engine, parse_class_argument("sky"), {.templates = templates}); });
  };
  CHECK_THAT(refused({"a {}", "a photo"}), Contains("template 2 is 'a photo': a template must have {} once"));
  CHECK_THAT(refused({"{} and {}"}), Contains("template 1 is '{} and {}'"));
}

TEST_CASE("what a class is called does not change its embedding, nor the cache", "[text_bank][device]") {
  const auto engine = load_demo();
  TemporaryFolder folder;
  const TextBankOptions options{.templates = {"a {}"}, .cache_folder = folder.path()};
  const auto plain = make_text_bank(*engine, parse_class_argument("sky, wall; tree"), options);
  const auto called = make_text_bank(*engine, parse_class_argument("background = sky, wall; tree"), options);
  CHECK(!plain->from_cache());
  CHECK(called->from_cache());
  CHECK(copy_of(*called) == copy_of(*plain));
  CHECK(called->classes().class_names() == std::vector<std::string>{"background", "tree"});
  // It is a word of the mask's legend, so that it is another run.
  const auto hash = [&](const TextBank& bank) { return options_hash(*engine, options, bank.classes(), {}, {}); };
  CHECK(hash(*called) != hash(*plain));
}

TEST_CASE("a class list's warnings are the bank's", "[text_bank]") {
  const auto engine = load_demo();
  const ClassList classes = parse_class_file("sky\nhouse,temple\n", "f.txt");
  REQUIRE(classes.warnings().size() == 1);
  const auto bank = make_text_bank(*engine, classes, {.templates = {"{}"}});
  CHECK(bank->warnings() == classes.warnings());
  CHECK(bank_from_embeddings(*engine, classes, bank->embeddings())->warnings() == classes.warnings());
}
