// What stands behind each handle.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/destination.h"
#include "api/handles.h"
#include "api/result_object.h"
#include "api/status.h"
#include "io/image.h"
#include "results/rle.h"
#include "sclip/sclip.h"
#include "sclip/session.h"

namespace sclip::api {

struct EngineObject {
  using Handle = sclip_engine;
  static constexpr Kind kKind = Kind::kEngine;
  std::shared_ptr<const Engine> engine;
  void (*log)(const char*, void*) = nullptr;
  void* log_user = nullptr;

  void tell(const std::string& message) const {
    if (log != nullptr) log(message.c_str(), log_user);
  }
};

struct BankObject {
  using Handle = sclip_bank;
  static constexpr Kind kKind = Kind::kBank;
  std::shared_ptr<const Engine> engine;
  std::shared_ptr<const TextBank> bank;
};

struct SessionObject {
  using Handle = sclip_session;
  static constexpr Kind kKind = Kind::kSession;
  explicit SessionObject(std::shared_ptr<const Engine> e) : session(std::move(e)) {}
  Session session;
  std::vector<uint16_t> wide_labels;  // of callers who want 8 bits
  // Of the latest call, for the memory that they hold.
  SegmentOptions options;
  std::vector<Destination> destinations;
  std::vector<PhotoRequest> requests;
  std::vector<Segmentation> done;
  std::optional<sclip_segment_options> usual;  // what the model takes without options
  std::atomic_flag taken = ATOMIC_FLAG_INIT;
};

struct FeaturesObject {
  using Handle = sclip_features;
  static constexpr Kind kKind = Kind::kFeatures;
  std::shared_ptr<const PhotoFeatures> features;
};

struct PictureObject {
  using Handle = sclip_picture;
  static constexpr Kind kKind = Kind::kPicture;
  Image image;
};

struct BytesObject {
  using Handle = sclip_bytes;
  static constexpr Kind kKind = Kind::kBytes;
  std::vector<std::byte> bytes;
};

struct RleObject {
  using Handle = sclip_rle;
  static constexpr Kind kKind = Kind::kRle;
  std::vector<ClassRle> classes;
  std::vector<sclip_rle_segment> segments;  // texts of the above
};

// A call's turn with a session. Throws Busy where another thread has it.
class Turn {
 public:
  explicit Turn(SessionObject& session) : session_(session) {
    if (session_.taken.test_and_set(std::memory_order_acquire)) throw Busy();
  }
  ~Turn() { session_.taken.clear(std::memory_order_release); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  SessionObject& session_;
};

}  // namespace sclip::api
