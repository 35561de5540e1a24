// Version, engines.
#include <cstring>

#include "api/objects.h"
#include "api/sized_struct.h"
#include "core/version.h"
#include "sclip/engine.h"

namespace sclip::api {
namespace {

constexpr size_t kFirstOptionsSize = sizeof(sclip_engine_options), kFirstFactsSize = sizeof(sclip_engine_facts);

sclip_engine_options default_engine_options() {
  sclip_engine_options out{};
  out.struct_size = sizeof(out);
  out.device = "auto";
  out.precision = SCLIP_PRECISION_AUTO;
  out.verify = 1;
  return out;
}

Precision precision_from(int32_t precision) {
  switch (precision) {
    case SCLIP_PRECISION_AUTO: return Precision::kAuto;
    case SCLIP_PRECISION_F32: return Precision::kF32;
    case SCLIP_PRECISION_BF16: return Precision::kBF16;
    case SCLIP_PRECISION_F16: return Precision::kF16;
    case SCLIP_PRECISION_FP8: return Precision::kFP8;
    default: fail(ErrorCode::kInvalidArgument, "the precision is ", precision, ", which is none of SCLIP_PRECISION_*");
  }
}

int32_t to_c(Precision precision) {
  switch (precision) {
    case Precision::kAuto: return SCLIP_PRECISION_AUTO;
    case Precision::kF32: return SCLIP_PRECISION_F32;
    case Precision::kBF16: return SCLIP_PRECISION_BF16;
    case Precision::kF16: return SCLIP_PRECISION_F16;
    case Precision::kFP8: return SCLIP_PRECISION_FP8;
  }
  return SCLIP_PRECISION_F32;
}

// `make` loads an engine under the options.
template <typename Make>
void load(const sclip_engine_options* given, sclip_engine** engine, const Make& make) {
  needed(engine, "the place for the engine");
  *engine = nullptr;
  const sclip_engine_options o =
      read_struct(given, default_engine_options(), kFirstOptionsSize, "sclip_engine_options");
  EngineOptions options;
  options.backend.device = text(o.device, "device");
  options.backend.precision = precision_from(o.precision);
  options.backend.threads = o.threads;
  options.verify = o.verify != 0;
  auto object = std::make_shared<EngineObject>();
  object->engine = make(options);
  object->log = o.log;
  object->log_user = o.log_user;
  *engine = give(std::move(object));
}

}  // namespace
}  // namespace sclip::api

using namespace sclip;
using namespace sclip::api;

const char* sclip_version(void) {
  static const std::string* const text = new std::string(version());
  return text->c_str();
}

int32_t sclip_abi_version(void) {
  return SCLIP_ABI_VERSION;
}

sclip_status sclip_engine_options_init(sclip_engine_options* options, size_t struct_size) {
  return guarded(__func__, [&] {
    write_struct(options, default_engine_options(), struct_size, kFirstOptionsSize, "sclip_engine_options");
  });
}

sclip_status sclip_engine_load(const char* path, const sclip_engine_options* options, sclip_engine** engine) {
  return guarded(__func__, [&] {
    load(options, engine, [&](const EngineOptions& o) { return Engine::load(text(path, "path"), o); });
  });
}

sclip_status sclip_engine_load_bytes(const void* bytes, size_t size, const char* name, int32_t borrow,
                                     const sclip_engine_options* options, sclip_engine** engine) {
  return guarded(__func__, [&] {
    load(options, engine, [&](const EngineOptions& o) {
      SCLIP_CHECK(bytes != nullptr, kInvalidArgument, "bytes is NULL");
      SCLIP_CHECK(borrow == 0 || reinterpret_cast<uintptr_t>(bytes) % 64 == 0, kInvalidArgument,
                  "borrowed bytes must lie on a 64-byte boundary, and these do not: align them, or let them be copied");
      return Engine::load({static_cast<const std::byte*>(bytes), size}, name != nullptr ? name : "a model in memory", o,
                          borrow != 0 ? BlobBytes::kBorrowed : BlobBytes::kCopied);
    });
  });
}

sclip_status sclip_engine_free(sclip_engine* engine) {
  return guarded(__func__, [&] { release<EngineObject>(engine); });
}

sclip_status sclip_engine_describe(const sclip_engine* engine, sclip_engine_facts* facts, size_t struct_size) {
  return guarded(__func__, [&] {
    const Engine& e = *take<EngineObject>(engine)->engine;
    sclip_engine_facts out{};
    out.model = e.metadata().model.c_str();
    out.sha256 = e.sha256().c_str();
    out.licence = e.metadata().licence.c_str();
    out.device = e.device().name.c_str();
    out.device_description = e.device().description.c_str();
    out.precision = to_c(e.device().precision);
    out.embed_dim = e.config().embed_dim;
    out.patch_size = e.config().vision.patch_size;
    out.logit_scale = e.config().logit_scale;
    write_struct(facts, out, struct_size, kFirstFactsSize, "sclip_engine_facts");
  });
}
