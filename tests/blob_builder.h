// Makes weight blobs in memory, whole ones and broken ones. Every part can be changed before `bytes` signs the
// whole, so that a test reaches the check it is about and not the hash.
#pragma once

#include "weights/parse_model_config.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/hash.h"
#include "weights/tensor_table.h"

namespace sclip::testing {

using Json = nlohmann::ordered_json;

struct BlobBuilder {
  Json config = {
      {"vision",
       {{"image_size", 16}, {"patch_size", 8}, {"width", 32}, {"layers", 2}, {"heads", 2}, {"mlp_width", 64}}},
      {"text", {{"context", 8}, {"vocabulary", 516}, {"width", 32}, {"layers", 1}, {"heads", 1}, {"mlp_width", 32}}},
      {"embed_dim", 16},
      {"activation", "gelu"},
      {"layer_norm_eps", 1e-5},
      {"logit_scale", 100.0},
      {"known_words", {"cat", "dog"}}};
  Json preprocessing = {{"mean", {122.771, 116.746, 104.094}},
                        {"std", {68.501, 66.632, 70.323}},
                        {"crop", 16},
                        {"stride", 8},
                        {"short_side", 24}};
  Json metadata = {{"format", "sclip"},
                   {"format_version", "1"},
                   {"header_sha256", std::string(64, '0')},
                   {"payload_sha256", ""},
                   {"model", "tiny"},
                   {"source", "a test"},
                   {"licence", "none"},
                   {"notes", ""}};
  std::string merges = "a b\nab c</w>\n";
  Json tensors = Json::object();  // name -> {dtype, shape, data_offsets}
  std::vector<std::byte> payload;

  // Lays out the tensors of the config above; element i of the payload is byte i mod 251, which no float reads as
  // anything in particular. Call once, then break what you like.
  explicit BlobBuilder(const std::string& matrix_dtype = "F16") {
    const ModelConfig parsed = parse_model_config(config.dump(), preprocessing.dump(), "builder");
    size_t position = 0;
    for (const TensorSpec& spec : tensor_specs(parsed)) {
      const bool vector = spec.shape.rank == 1;
      const std::string dtype = spec.is_bytes ? "U8" : vector ? "F32" : matrix_dtype;
      std::vector<int64_t> shape(spec.shape.dims.begin(), spec.shape.dims.begin() + spec.shape.rank);
      if (spec.is_bytes) shape = {static_cast<int64_t>(merges.size())};
      size_t bytes = spec.is_bytes ? 1 : dtype == "F32" ? 4 : 2;
      for (const int64_t extent : shape) bytes *= static_cast<size_t>(extent);
      tensors[spec.name] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {position, position + bytes}}};
      position += bytes;
    }
    payload.resize(position);
    for (size_t i = 0; i < position; ++i) payload[i] = static_cast<std::byte>(i % 251);
    set_merges(merges);
  }

  // Replaces the text that ends the payload.
  void set_merges(const std::string& text) {
    Json& entry = tensors["tokenizer.merges"];
    const auto begin = entry["data_offsets"][0].get<size_t>();
    payload.resize(begin + text.size());
    std::memcpy(payload.data() + begin, text.data(), text.size());
    entry["shape"] = {text.size()};
    entry["data_offsets"] = {begin, payload.size()};
    merges = text;
  }

  std::string header_json() const {
    Json header;
    header["__metadata__"] = metadata;
    const auto put = [&](const char* key, const std::string& value) {
      if (!header["__metadata__"].contains(key)) header["__metadata__"][key] = value;
    };
    put("config", config.dump());
    put("preprocessing", preprocessing.dump());
    if (metadata.contains("payload_sha256") && metadata["payload_sha256"] == "") {
      header["__metadata__"]["payload_sha256"] = sha256_hex(payload);
    }
    for (const auto& [name, entry] : tensors.items()) header[name] = entry;
    return header.dump();
  }

  // The file. `edit` changes the header's text after everything else and before it is signed.
  std::vector<std::byte> bytes(const std::function<void(std::string&)>& edit = nullptr) const {
    std::string json = header_json();
    if (edit) edit(json);
    json.append((64 - (8 + json.size()) % 64) % 64, ' ');
    sign(json);
    return assemble(json.size(), json, payload);
  }

  static void sign(std::string& json) {
    const std::string empty = "\"header_sha256\":\"" + std::string(64, '0');
    const size_t at = json.find(empty);
    if (at == std::string::npos) return;
    Sha256 hash;
    hash.update(json);
    json.replace(at + empty.size() - 64, 64, hash.hex());
  }

  static std::vector<std::byte> assemble(uint64_t announced_length, const std::string& json,
                                         const std::vector<std::byte>& payload) {
    std::vector<std::byte> out(8 + json.size() + payload.size());
    for (size_t i = 0; i < 8; ++i) out[i] = static_cast<std::byte>(announced_length >> (8 * i));
    std::memcpy(out.data() + 8, json.data(), json.size());
    if (!payload.empty()) std::memcpy(out.data() + 8 + json.size(), payload.data(), payload.size());
    return out;
  }
};

}  // namespace sclip::testing
