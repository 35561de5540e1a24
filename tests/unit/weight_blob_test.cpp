// WeightBlob: what it reads from a good file, and that each way of being broken gets its own message.
#include "weights/weight_blob.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/atomic_file.h"
#include "core/buffer.h"
#include "core/file.h"
#include "sclip/error.h"
#include "tests/blob_builder.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

namespace {

using sclip::BlobBytes;
using sclip::BlobCheck;
using sclip::WeightBlob;
using sclip::testing::BlobBuilder;
using sclip::testing::Json;

constexpr const char* kName = "tiny.sclip";
constexpr const char* kQkv = "visual.blocks.0.attn.qkv.weight";

// Where a blob's bytes are when it is read.
enum class From { kCopy, kBorrowed, kFile };
constexpr From kEverywhere[] = {From::kCopy, From::kBorrowed, From::kFile};

class TemporaryFile {
 public:
  explicit TemporaryFile(std::span<const std::byte> bytes) : path_(folder_ / "blob") {
    std::ofstream file(path_, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(file.flush());
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  sclip::testing::TemporaryFolder folder_;
  std::filesystem::path path_;
};

// The message of the refusal, or "accepted". A file is called kName in it like the others.
std::string refusal(const std::vector<std::byte>& bytes, BlobCheck check = BlobCheck::kHashes,
                    From from = From::kCopy) {
  std::string path;
  try {
    if (from == From::kFile) {
      const TemporaryFile file(bytes);
      path = file.path().string();
      const WeightBlob blob(file.path(), check);
    } else if (from == From::kBorrowed) {
      sclip::AlignedBuffer<std::byte> aligned(bytes.size());
      std::copy(bytes.begin(), bytes.end(), aligned.begin());
      const WeightBlob blob(std::span<const std::byte>(aligned.data(), aligned.size()), kName, check,
                            BlobBytes::kBorrowed);
    } else {
      const WeightBlob blob(bytes, kName, check);
    }
    return "accepted";
  } catch (const sclip::Error& error) {
    std::string message = error.what();
    if (!path.empty() && message.starts_with(path)) message.replace(0, path.size(), kName);
    return message;
  }
}

// Every refusal names the file and is one line; `parts` must all be in it. It is the same wherever the bytes are.
void check_refused(const std::vector<std::byte>& bytes, const std::vector<std::string>& parts) {
  const std::string message = refusal(bytes);
  INFO(message);
  CHECK(message.rfind(std::string(kName) + ": ", 0) == 0);
  CHECK(message.find('\n') == std::string::npos);
  for (const std::string& part : parts) CHECK_THAT(message, Catch::Matchers::Contains(part));
  CHECK(refusal(bytes, BlobCheck::kHashes, From::kBorrowed) == message);
  CHECK(refusal(bytes, BlobCheck::kHashes, From::kFile) == message);
}

struct Corruption {
  const char* what;
  std::vector<std::string> message;
  std::function<void(BlobBuilder&)> apply;
};

void check_corruptions(const std::vector<Corruption>& corruptions) {
  for (const Corruption& corruption : corruptions) {
    INFO(corruption.what);
    BlobBuilder builder;
    corruption.apply(builder);
    check_refused(builder.bytes(), corruption.message);
  }
}

uint64_t first_offset(const BlobBuilder& b, const std::string& name) {
  return b.tensors.at(name)["data_offsets"][0].get<uint64_t>();
}

}  // namespace

TEST_CASE("a good blob gives its config, metadata and tensors", "[weights]") {
  const BlobBuilder builder;
  const WeightBlob blob(builder.bytes(), kName);
  CHECK(blob.name() == kName);
  CHECK(blob.config().vision.width == 32);
  CHECK(blob.config().vision.layers == 2);
  CHECK(blob.config().vision.tokens() == 5);
  CHECK(blob.config().text.vocabulary == 516);
  CHECK(blob.config().activation == sclip::Activation::kGelu);
  CHECK(blob.config().layer_norm_eps == 1e-5f);
  CHECK(blob.config().preprocess.mean[0] == 122.771f);
  CHECK(blob.config().preprocess.crop == 16);
  CHECK(blob.config().known_words == std::vector<std::string>{"cat", "dog"});
  CHECK(blob.metadata().model == "tiny");
  CHECK(blob.metadata().licence == "none");
  CHECK(blob.merges() == builder.merges);
  CHECK(blob.sha256().size() == 64);
  CHECK(blob.names().front() == "visual.patch_embed.weight");
  CHECK(blob.names().back() == "tokenizer.merges");
  CHECK(blob.names().size() == builder.tensors.size());

  const sclip::TensorView qkv = blob.tensor(kQkv);
  CHECK(qkv.shape == sclip::Shape{96, 32});
  CHECK(qkv.dtype == sclip::DType::kF16);
  CHECK(*static_cast<const uint8_t*>(qkv.data) == first_offset(builder, kQkv) % 251);
  for (const std::string& name : blob.names()) {
    CHECK(reinterpret_cast<uintptr_t>(blob.tensor(name).data) % 64 == 0);
  }
  CHECK_THROWS_WITH(blob.tensor("visual.nothing"), Catch::Matchers::Contains("no tensor visual.nothing"));
}

TEST_CASE("a blob on disk is mapped, and views survive a move", "[weights]") {
  const sclip::testing::TemporaryFolder folder;
  const auto path = folder / "blob";
  const BlobBuilder builder("BF16");
  sclip::write_file_atomically(path, std::span<const std::byte>(builder.bytes()));
  WeightBlob first(path);
  const sclip::TensorView view = first.tensor(kQkv);
  const WeightBlob second = std::move(first);
  CHECK(second.tensor(kQkv).data == view.data);
  CHECK(view.dtype == sclip::DType::kBF16);
  CHECK(*static_cast<const uint8_t*>(view.data) == first_offset(builder, kQkv) % 251);
  CHECK(second.file_bytes() == std::filesystem::file_size(path));
  std::filesystem::remove(path);
  CHECK_THROWS_WITH(WeightBlob(path), Catch::Matchers::Contains(path.string()));
}

TEST_CASE("borrowed bytes are read where they are, and must be aligned", "[weights]") {
  const std::vector<std::byte> bytes = BlobBuilder().bytes();
  sclip::AlignedBuffer<std::byte> aligned(bytes.size() + 1);
  std::copy(bytes.begin(), bytes.end(), aligned.begin());
  const std::span<const std::byte> view(aligned.data(), bytes.size());
  const WeightBlob blob(view, kName, BlobCheck::kHashes, BlobBytes::kBorrowed);
  const auto* tensor = static_cast<const std::byte*>(blob.tensor(kQkv).data);
  CHECK((tensor > view.data() && tensor < view.data() + view.size()));
  CHECK(blob.file_bytes() == bytes.size());
  CHECK(blob.sha256() == WeightBlob(bytes, kName).sha256());
  blob.release(kQkv);  // nothing to give back: the bytes stay as they are
  CHECK(std::equal(bytes.begin(), bytes.end(), aligned.begin()));

  std::copy(bytes.begin(), bytes.end(), aligned.begin() + 1);
  const std::span<const std::byte> shifted(aligned.data() + 1, bytes.size());
  CHECK_THROWS_WITH(WeightBlob(shifted, kName, BlobCheck::kHashes, BlobBytes::kBorrowed),
                    Catch::Matchers::Contains("tiny.sclip: borrowed bytes must begin on a multiple of 64"));
  CHECK(WeightBlob(shifted, kName).sha256() == blob.sha256());
}

TEST_CASE("threads read one blob", "[weights]") {
  const WeightBlob blob(BlobBuilder().bytes(), kName);
  std::vector<std::thread> threads;
  std::vector<size_t> bytes(4);
  for (size_t& sum : bytes) {
    threads.emplace_back([&blob, &sum] {
      for (const std::string& name : blob.names()) sum += blob.tensor(name).bytes();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const size_t sum : bytes) CHECK(sum == bytes[0]);
}

TEST_CASE("the digest identifies config and payload", "[weights]") {
  BlobBuilder builder;
  const std::string original = WeightBlob(builder.bytes(), kName).sha256();
  CHECK(WeightBlob(builder.bytes(), kName, BlobCheck::kStructureOnly).sha256() == original);
  builder.config["activation"] = "quick_gelu";
  const std::string other_config = WeightBlob(builder.bytes(), kName).sha256();
  builder.payload[3] = std::byte{99};
  const std::string other_payload = WeightBlob(builder.bytes(), kName).sha256();
  CHECK(original != other_config);
  CHECK(other_config != other_payload);
}

TEST_CASE("a flipped bit anywhere is found", "[weights]") {
  const std::vector<std::byte> good = BlobBuilder().bytes();
  for (const From from : kEverywhere) REQUIRE(refusal(good, BlobCheck::kHashes, from) == "accepted");
  for (size_t i = 0; i < good.size(); i += i < 8192 ? 1 : 997) {
    std::vector<std::byte> bad = good;
    bad[i] ^= std::byte{1};
    INFO("byte " << i);
    // The checks are the same three times over, so the places take turns.
    REQUIRE(refusal(bad, BlobCheck::kHashes, kEverywhere[i % 3]) != "accepted");
  }
  std::vector<std::byte> bad = good;
  bad.back() ^= std::byte{1};
  check_refused(bad, {"the payload is damaged", "SHA-256"});
}

TEST_CASE("a file cut at any byte is refused", "[weights]") {
  const std::vector<std::byte> good = BlobBuilder().bytes();
  for (size_t size = 0; size < good.size(); size += size < 4096 ? 7 : 1013) {
    const std::vector<std::byte> bad(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    INFO("cut to " << size << " bytes");
    for (const From from : kEverywhere) {
      REQUIRE(refusal(bad, BlobCheck::kHashes, from) != "accepted");
      REQUIRE(refusal(bad, BlobCheck::kStructureOnly, from) != "accepted");
    }
  }
  check_refused({}, {"the file is empty"});
  check_refused({good.begin(), good.begin() + 5}, {"5 bytes are too few"});
  check_refused({good.begin(), good.begin() + 100}, {"in a file of 100", "truncated"});
  check_refused({good.begin(), good.end() - 4}, {"tensor tokenizer.merges", "truncated"});
}

TEST_CASE("broken framing", "[weights]") {
  const BlobBuilder builder;
  const auto with_length = [&](uint64_t length) {
    return BlobBuilder::assemble(length, builder.header_json(), builder.payload);
  };
  check_refused(with_length(uint64_t{1} << 40), {"header of 1099511627776 bytes", "allows 1048576"});
  check_refused(with_length(UINT64_MAX), {"header of 18446744073709551615 bytes"});
  check_refused(with_length(100), {"not valid JSON", "byte"});
  const auto header_is = [&](const std::string& json) {
    return BlobBuilder::assemble(json.size(), json, builder.payload);
  };
  check_refused(header_is("[1]"), {"not a JSON object"});
  check_refused(header_is("{}"), {"without sclip's metadata", "sclip_convert"});
  check_refused(header_is(std::string(50000, '[')), {"nests deeper"});
  check_refused(header_is("{\"a\":\"\xff\"}"), {"not valid JSON"});
  check_refused(header_is("{\"a\":1e999}"), {"a number that is too large"});
  std::vector<std::byte> zip = builder.bytes();
  zip[0] = std::byte{'P'};
  zip[1] = std::byte{'K'};
  check_refused(zip, {"ZIP archive", "sclip_convert"});
  std::string unaligned = builder.header_json();
  unaligned.append((64 - (8 + unaligned.size()) % 64) % 64 + 1, ' ');
  check_refused(header_is(unaligned), {"payload begins at byte", "not a multiple of 64"});
}

TEST_CASE("names given twice", "[weights]") {
  const BlobBuilder builder;
  const auto repeat = [](const std::string& needle) {
    return [needle](std::string& json) { json.insert(json.find(needle), needle + "[],"); };
  };
  check_refused(builder.bytes(repeat("\"visual.class_embedding\":")), {"visual.class_embedding twice"});
  check_refused(builder.bytes(repeat("\"dtype\":")), {"dtype twice"});
  check_refused(builder.bytes(repeat("\"config\":")), {"config twice"});
}

TEST_CASE("broken metadata", "[weights]") {
  check_corruptions({
      {"another format", {"without sclip's metadata"}, [](BlobBuilder& b) { b.metadata["format"] = "other"; }},
      {"no version", {"lacks format_version"}, [](BlobBuilder& b) { b.metadata.erase("format_version"); }},
      {"newer version",
       {"format version 2", "reads version 1"},
       [](BlobBuilder& b) { b.metadata["format_version"] = "2"; }},
      {"a number", {"__metadata__ notes is not a string"}, [](BlobBuilder& b) { b.metadata["notes"] = 7; }},
      {"no header digest", {"one header_sha256"}, [](BlobBuilder& b) { b.metadata.erase("header_sha256"); }},
      {"short header digest", {"header is damaged"}, [](BlobBuilder& b) { b.metadata["header_sha256"] = "12"; }},
      {"no payload digest", {"lacks payload_sha256"}, [](BlobBuilder& b) { b.metadata.erase("payload_sha256"); }},
      {"wrong payload digest",
       {"payload is damaged"},
       [](BlobBuilder& b) { b.metadata["payload_sha256"] = std::string(64, 'a'); }},
      {"no licence", {"lacks licence"}, [](BlobBuilder& b) { b.metadata.erase("licence"); }},
      {"no source", {"lacks source"}, [](BlobBuilder& b) { b.metadata.erase("source"); }},
      {"no model", {"lacks model"}, [](BlobBuilder& b) { b.metadata.erase("model"); }},
      {"config not JSON", {"config is not valid JSON"}, [](BlobBuilder& b) { b.metadata["config"] = "{"; }},
      {"config with 1e999",
       {"config has a number that is too large"},
       [](BlobBuilder& b) { b.metadata["config"] = "{\"a\":1e999}"; }},
      {"config of 50,000 levels",
       {"config nests deeper than 2 levels"},
       [](BlobBuilder& b) { b.metadata["config"] = std::string(50000, '['); }},
      {"config with a section twice",
       {"config has text twice"},
       [](BlobBuilder& b) { b.metadata["config"] = "{\"text\":{},\"text\":{}}"; }},
      {"config with an entry twice",
       {"config has width twice"},
       [](BlobBuilder& b) { b.metadata["config"] = "{\"text\":{\"width\":32,\"width\":64}}"; }},
      {"preprocessing with an entry twice",
       {"preprocessing has crop twice"},
       [](BlobBuilder& b) { b.metadata["preprocessing"] = "{\"crop\":0,\"crop\":16}"; }},
      {"config a list", {"config is not a JSON object"}, [](BlobBuilder& b) { b.metadata["config"] = "[]"; }},
  });
}

TEST_CASE("absurd configs", "[weights]") {
  const auto set = [](const char* pointer, Json value) {
    return [pointer, value](BlobBuilder& b) { b.config[Json::json_pointer(pointer)] = value; };
  };
  const auto preprocess = [](const char* key, Json value) {
    return [key, value](BlobBuilder& b) { b.preprocessing[key] = value; };
  };
  check_corruptions({
      {"zero layers", {"config.vision: layers is 0", "1 to 128"}, set("/vision/layers", 0)},
      {"a billion layers", {"config.vision: layers is 1000000000"}, set("/vision/layers", 1000000000)},
      {"wider than 64 bits", {"config.text: layers is"}, set("/text/layers", UINT64_MAX)},
      {"negative width", {"config.vision: width is -32"}, set("/vision/width", -32)},
      {"odd width", {"width is 48", "multiple of 32"}, set("/vision/width", 48)},
      {"odd MLP", {"mlp_width is 65", "multiple of 32"}, set("/vision/mlp_width", 65)},
      {"heads", {"width of 32 does not divide into 3 heads"}, set("/vision/heads", 3)},
      {"no heads", {"config.text: heads is 0"}, set("/text/heads", 0)},
      {"image and patch", {"16 pixels does not divide into patches of 7"}, set("/vision/patch_size", 7)},
      {"image size", {"image_size is 100000"}, set("/vision/image_size", 100000)},
      {"context", {"context is 1,"}, set("/text/context", 1)},
      {"vocabulary", {"vocabulary is 100,"}, set("/text/vocabulary", 100)},
      {"fractional", {"embed_dim is not an integer"}, set("/embed_dim", 1.5)},
      {"text for a number", {"embed_dim is not an integer"}, set("/embed_dim", "512")},
      {"activation", {"activation is \"relu\""}, set("/activation", "relu")},
      {"activation type", {"activation is not a string"}, set("/activation", 1)},
      {"eps", {"layer_norm_eps is 0,"}, set("/layer_norm_eps", 0)},
      {"eps type", {"layer_norm_eps is not a number"}, set("/layer_norm_eps", "small")},
      {"scale", {"logit_scale is -1,"}, set("/logit_scale", -1)},
      {"words", {"known_words is not a list"}, set("/known_words", "cat")},
      {"word", {"known_words is not a list of strings"}, set("/known_words", {1, 2})},
      {"lacks a key", {"config lacks embed_dim"}, [](BlobBuilder& b) { b.config.erase("embed_dim"); }},
      {"lacks a tower", {"config lacks text"}, [](BlobBuilder& b) { b.config.erase("text"); }},
      {"tower a number", {"config.vision is not a JSON object"}, set("/vision", 3)},
      {"mean", {"mean is not a list of 3"}, preprocess("mean", {1, 2})},
      {"mean range", {"mean is 300,"}, preprocess("mean", {1, 2, 300})},
      {"std", {"std is 0,"}, preprocess("std", {0, 1, 1})},
      {"crop", {"crop of 4 pixels is smaller than a patch of 8"}, preprocess("crop", 4)},
      {"stride", {"stride of 17 leaves gaps between windows of 16"}, preprocess("stride", 17)},
      {"short side", {"short_side is 0,"}, preprocess("short_side", 0)},
  });
}

TEST_CASE("broken tensors", "[weights]") {
  const auto set = [](const char* key, Json value) {
    return [key, value](BlobBuilder& b) { b.tensors[kQkv][key] = value; };
  };
  check_corruptions({
      {"unknown name",
       {"tensor visual.extra is unknown"},
       [](BlobBuilder& b) {
         Json entry = b.tensors["tokenizer.merges"];
         b.tensors.erase("tokenizer.merges");
         b.tensors["visual.extra"] = entry;
       }},
      {"missing",
       {"tensor tokenizer.merges", "is missing"},
       [](BlobBuilder& b) {
         b.payload.resize(first_offset(b, "tokenizer.merges"));
         b.tensors.erase("tokenizer.merges");
       }},
      {"order",
       {"lies where visual.ln_pre.weight belongs"},
       [](BlobBuilder& b) { std::swap(b.tensors["visual.ln_pre.weight"], b.tensors["visual.ln_pre.bias"]); }},
      {"layer beyond the config",
       {"tensor visual.blocks.1.ln_1.weight is unknown"},
       [](BlobBuilder& b) { b.config["vision"]["layers"] = 1; }},
      {"layer missing",
       {"tensor visual.blocks.2.ln_1.weight", "is missing"},
       [](BlobBuilder& b) { b.config["vision"]["layers"] = 3; }},
      {"shape", {kQkv, "has shape (32, 96), the config needs (96, 32)"}, set("shape", {32, 96})},
      {"shape type", {kQkv, "shape is not a list"}, set("shape", 7)},
      {"rank", {kQkv, "shape has 5 dimensions"}, set("shape", {96, 32, 1, 1, 1})},
      {"no rank", {kQkv, "shape has 0 dimensions"}, set("shape", Json::array())},
      {"negative extent", {kQkv, "extent that is not"}, set("shape", {-96, 32})},
      {"zero extent", {kQkv, "extent that is not"}, set("shape", {0, 32})},
      {"huge extent", {kQkv, "extent that is not"}, set("shape", {UINT64_MAX, 32})},
      {"overflowing product", {kQkv, "does not fit a payload"}, set("shape", {4294967296u, 4294967296u, 4294967296u})},
      {"size", {kQkv, "(96, 31) of F16 takes 5952 bytes, data_offsets gives 6144"}, set("shape", {96, 31})},
      {"dtype", {kQkv, "takes 12288 bytes"}, set("dtype", "F32")},
      {"foreign dtype", {kQkv, "dtype is I64"}, set("dtype", "I64")},
      {"unknown dtype", {kQkv, "dtype is F8?_E4M3"}, set("dtype", "F8\x01_E4M3")},
      {"dtype type", {kQkv, "dtype is not a string"}, set("dtype", 3)},
      {"bytes for a matrix",
       {"visual.ln_pre.bias has dtype U8"},
       [](BlobBuilder& b) {
         b.tensors["visual.ln_pre.bias"]["dtype"] = "U8";
         b.tensors["visual.ln_pre.bias"]["shape"] = {128};
       }},
      {"attribute too many", {kQkv, "has 4 attributes"}, set("colour", "red")},
      {"attribute missing", {kQkv, "has 2 attributes"}, [](BlobBuilder& b) { b.tensors[kQkv].erase("dtype"); }},
      {"attribute misnamed",
       {kQkv, "lacks dtype"},
       [](BlobBuilder& b) {
         b.tensors[kQkv].erase("dtype");
         b.tensors[kQkv]["Dtype"] = "F16";
       }},
      {"not an object", {kQkv, "not described"}, [](BlobBuilder& b) { b.tensors[kQkv] = 3; }},
      {"offsets type", {kQkv, "not a pair"}, set("data_offsets", {1, "2"})},
      {"negative offset", {kQkv, "not a pair"}, set("data_offsets", {-64, 64})},
      {"reversed", {kQkv, "data_offsets 640 to 64"}, set("data_offsets", {640, 64})},
      {"out of bounds", {kQkv, "outside the payload"}, set("data_offsets", {0, uint64_t{1} << 60})},
      {"misaligned",
       {kQkv, "not a multiple of 64"},
       [](BlobBuilder& b) {
         const uint64_t begin = first_offset(b, kQkv);
         b.tensors[kQkv]["data_offsets"] = {begin + 2, begin + 2 + 6144};
       }},
      {"overlap",
       {kQkv, "overlaps visual.blocks.0.ln_1.bias"},
       [](BlobBuilder& b) {
         const uint64_t begin = first_offset(b, kQkv);
         b.tensors[kQkv]["data_offsets"] = {begin - 64, begin - 64 + 6144};
       }},
      {"same bytes",
       {"overlaps"},
       [](BlobBuilder& b) {
         b.tensors["visual.ln_pre.bias"]["data_offsets"] = b.tensors["visual.ln_pre.weight"]["data_offsets"];
       }},
      {"gap",
       {"gap of 64 bytes", "visual.ln_pre.weight"},
       [](BlobBuilder& b) {
         b.payload.resize(b.payload.size() + 64);
         bool later = false;
         for (auto& [name, entry] : b.tensors.items()) {
           later = later || name == "visual.ln_pre.weight";
           if (!later) continue;
           for (auto& offset : entry["data_offsets"]) offset = offset.get<uint64_t>() + 64;
         }
       }},
      {"bytes left over",
       {"64 bytes follow the last tensor"},
       [](BlobBuilder& b) { b.payload.resize(b.payload.size() + 64); }},
      {"unprintable name", {"tensor ?[2J"}, [](BlobBuilder& b) { b.tensors["\x1b[2J"] = 1; }},
      {"long name", {"..."}, [](BlobBuilder& b) { b.tensors[std::string(5000, 'x')] = 1; }},
  });
}

TEST_CASE("broken merges", "[weights]") {
  check_corruptions({
      {"too few",
       {"tokenizer.merges: 1 merges make a vocabulary of 515, the config has 516"},
       [](BlobBuilder& b) { b.set_merges("a b\n"); }},
      {"no line end", {"the last line has no end"}, [](BlobBuilder& b) { b.set_merges("a b\na c"); }},
      {"not a pair", {"line 2 is not a pair of symbols: ac"}, [](BlobBuilder& b) { b.set_merges("a b\nac\n"); }},
      {"three", {"line 1 is not a pair"}, [](BlobBuilder& b) { b.set_merges("a b c\na c\n"); }},
      {"half a pair", {"line 1 is not a pair"}, [](BlobBuilder& b) { b.set_merges("a \na c\n"); }},
      {"floats",
       {"tokenizer.merges has dtype F16"},
       [](BlobBuilder& b) {
         b.set_merges("a b\nab c</w>\n ");
         b.tensors["tokenizer.merges"]["dtype"] = "F16";
         b.tensors["tokenizer.merges"]["shape"] = {b.merges.size() / 2};
       }},
  });
}

TEST_CASE("the bundled model loads", "[weights]") {
  const WeightBlob blob(std::filesystem::path(SCLIP_SOURCE_DIR) / "weights/demo/demo-clip.sclip");
  CHECK(blob.config().vision.image_size == 80);
  CHECK(blob.config().preprocess.crop == 112);
  CHECK(blob.config().preprocess.stride == 56);
  CHECK(blob.config().preprocess.short_side == 224);
  CHECK(blob.config().activation == sclip::Activation::kQuickGelu);
  CHECK_THAT(blob.metadata().licence, Catch::Matchers::Contains("non-commercial research"));
  CHECK(blob.merges().substr(0, 12) == "i n\nt h\na n\n");
  CHECK(blob.tensor("text.token_embedding").shape == sclip::Shape{49408, 128});
}
