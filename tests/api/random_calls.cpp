// Random sequences of calls of the C library, right and wrong ones, for a number of seconds.
//
// usage: sclip_random_calls [SECONDS [SEED]]
// It knows of every handle whether it lives, and of every call what its status must be when that can be known. Under
// the sanitizers' builds it finds what a status hides. A failure names the seed and the step.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "sclip/sclip.h"

namespace {

const std::string kTiny = std::string(SCLIP_SOURCE_DIR) + "/tests/data/goldens/tiny.sclip";

class Driver {
 public:
  explicit Driver(uint32_t seed) : seed_(seed), random_(seed) {}

  void step() {
    ++steps_;
    switch (pick(16)) {
      case 0: return load();
      case 1: return make_bank();
      case 2: return make_session();
      case 3:
      case 4:
      case 5: return segment();
      case 6: return read();
      case 7:
      case 8: return segment_features();
      case 9: return look_at_bank();
      case 10: return embed();
      case 11: return pictures();
      case 12: return sizes();
      case 13: return look_at_result();
      default: return free_one();
    }
  }
  int64_t steps() const { return steps_; }
  const std::map<sclip_status, int64_t>& seen() const { return seen_; }
  void free_all() {
    while (!engines_.alive.empty() || !banks_.alive.empty() || !sessions_.alive.empty() || !features_.alive.empty() ||
           !results_.alive.empty()) {
      free_one();
    }
  }

 private:
  // Handles that live, with the engine each belongs to, and handles that were freed.
  template <typename Handle>
  struct Handles {
    std::vector<std::pair<Handle*, int>> alive;
    std::vector<Handle*> dead;
  };
  template <typename Handle>
  struct Choice {
    Handle* handle = nullptr;
    bool alive = false;
    int engine = -1;
  };

  size_t pick(size_t count) { return random_() % count; }
  bool rarely() { return pick(12) == 0; }

  template <typename Handle>
  Choice<Handle> choose(const Handles<Handle>& from) {
    if (rarely()) return {};
    if (!from.dead.empty() && rarely()) return {from.dead[pick(from.dead.size())]};
    if (from.alive.empty()) return {};
    const auto& [handle, engine] = from.alive[pick(from.alive.size())];
    return {handle, true, engine};
  }

  void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "seed %u, step %lld: %s; last error: %s\n", seed_, static_cast<long long>(steps_), what,
                 sclip_last_error());
    std::abort();
  }
  // `must_fail`: something in the arguments is wrong; `may_fail`: it may be.
  void judge(sclip_status status, bool must_fail, bool may_fail, const char* call) {
    ++seen_[status];
    require(status >= SCLIP_OK && status <= SCLIP_BUSY && status != SCLIP_INTERNAL && status != SCLIP_BUSY, call);
    require(status == SCLIP_OK || sclip_last_error()[0] != '\0', call);
    if (must_fail) require(status != SCLIP_OK, call);
    if (!must_fail && !may_fail) require(status == SCLIP_OK, call);
  }

  void load() {
    if (engines_.alive.size() >= 3) return;
    sclip_engine_options options{};
    judge(sclip_engine_options_init(&options, sizeof(options)), false, false, "sclip_engine_options_init");
    options.device = rarely() ? "abacus" : "cpu";
    options.threads = static_cast<int32_t>(pick(3)) + 1;
    options.precision = rarely() ? 44 : SCLIP_PRECISION_F32;
    const bool wrong = options.precision == 44 || options.device[0] == 'a';
    sclip_engine* engine = nullptr;
    const bool no_file = rarely();
    judge(sclip_engine_load(no_file ? "/no/such/file" : kTiny.c_str(), &options, &engine), wrong || no_file, false,
          "sclip_engine_load");
    require((engine != nullptr) == !(wrong || no_file), "an engine where none can be, or none");
    if (engine != nullptr) engines_.alive.emplace_back(engine, next_engine_++);
  }

  void make_bank() {
    if (banks_.alive.size() >= 8) return;
    const auto engine = choose(engines_);
    static const char* const kWords[] = {"sky",  "sky; tree, trees",   "a; b; c; d; e; f", "",           ";;",
                                         "x, x", "\xFF\xFE\xFF; tree", "<|endoftext|>",    "sky; \"q\"", "sky; sky"};
    const char* const words = kWords[pick(std::size(kWords))];
    const char* const templates[] = {rarely() ? "no hole" : "{}"};
    sclip_bank_options options{};
    judge(sclip_bank_options_init(&options, sizeof(options)), false, false, "sclip_bank_options_init");
    options.templates = templates;
    options.template_count = 1;
    options.truncate = static_cast<int32_t>(pick(2));
    sclip_bank* bank = nullptr;
    judge(sclip_bank_from_text(engine.handle, words, &options, nullptr, &bank), !engine.alive, true,
          "sclip_bank_from_text");
    if (bank != nullptr) banks_.alive.emplace_back(bank, engine.engine);
  }

  void make_session() {
    if (sessions_.alive.size() >= 6) return;
    const auto engine = choose(engines_);
    sclip_session* session = nullptr;
    judge(sclip_session_create(engine.handle, &session), !engine.alive, false, "sclip_session_create");
    if (session != nullptr) sessions_.alive.emplace_back(session, engine.engine);
  }

  sclip_image photo() {
    const auto width = static_cast<int32_t>(pick(60)) + 1, height = static_cast<int32_t>(pick(60)) + 1;
    pixels_.resize(static_cast<size_t>(4 * width * height));
    for (uint8_t& p : pixels_) p = static_cast<uint8_t>(random_());
    sclip_image out{pixels_.data(), width, height, 0, static_cast<int32_t>(pick(5))};
    if (rarely()) out.width = -1;
    if (rarely()) out.order = 99;
    if (rarely()) out.row_stride = 1;
    if (rarely()) out.pixels = nullptr;
    return out;
  }

  sclip_segment_options options() {
    static const char* const kPolicies[] = {"sclip", "clip", "maskclip", "naclip:sigma=3", "nonsense", ""};
    sclip_segment_options o{};
    o.struct_size = rarely() ? pick(300) : sizeof(o);
    o.policy = rarely() ? nullptr : kPolicies[pick(std::size(kPolicies))];
    o.short_side = rarely() ? -5 : static_cast<int32_t>(pick(60)) + 8;
    o.crop = rarely() ? -1 : static_cast<int32_t>(pick(3)) * 16;
    o.stride = static_cast<int32_t>(pick(20));
    o.squash = static_cast<int32_t>(pick(2));
    o.temperature = rarely() ? -1.f : 1.f;
    o.logit_scale = rarely() ? std::nanf("") : 40;
    o.prob_thd = rarely() ? 2.f : 0.3f;
    o.ignore_label = static_cast<int32_t>(pick(300)) - 2;
    o.area_thd = rarely() ? 0.2f : -1;
    o.refine = static_cast<int32_t>(pick(3));
    o.refine_iterations = static_cast<int32_t>(pick(4));
    o.window_batch = static_cast<int32_t>(pick(3));
    return o;
  }

  sclip_output output(size_t pixels, sclip_result** result) {
    sclip_output o{};
    o.struct_size = rarely() ? pick(200) : sizeof(o);
    mask8_.resize(pixels);
    mask16_.resize(pixels);
    scores_.resize(pixels);
    if (pick(2) == 0) o.mask8 = mask8_.data();
    if (pick(2) == 0) o.mask16 = mask16_.data();
    if (pick(2) == 0) o.scores = scores_.data();
    if (pick(2) == 0) o.result = result;
    return o;
  }

  void segment() {
    const auto session = choose(sessions_);
    const auto bank = choose(banks_);
    const sclip_image image = photo();
    const sclip_segment_options o = options();
    sclip_result* result = nullptr;
    sclip_output out = output(60 * 60, &result);
    const bool wrong = !session.alive || !bank.alive || session.engine != bank.engine || image.pixels == nullptr ||
                       image.width < 0 || image.order == 99 || o.struct_size < 40 || out.struct_size < 40;
    const sclip_status status =
        sclip_session_segment(session.handle, bank.handle, pick(3) == 0 ? nullptr : &o, &image, &out, 1, nullptr);
    judge(status, wrong && !(o.struct_size < 40), true, "sclip_session_segment");
    require((result != nullptr) == (status == SCLIP_OK && out.result != nullptr), "a result without success, or none");
    if (result != nullptr) results_.alive.emplace_back(result, -1);
  }

  void read() {
    if (features_.alive.size() >= 6) return;
    const auto session = choose(sessions_);
    const sclip_image image = photo();
    const sclip_segment_options o = options();
    sclip_features* features = nullptr;
    judge(sclip_session_read(session.handle, &image, pick(3) == 0 ? nullptr : &o, nullptr, &features), !session.alive,
          true, "sclip_session_read");
    if (features != nullptr) features_.alive.emplace_back(features, session.engine);
  }

  void segment_features() {
    const auto session = choose(sessions_);
    const auto features = choose(features_);
    const auto bank = choose(banks_);
    sclip_result* result = nullptr;
    sclip_output out = output(60 * 60, &result);
    const bool same = session.engine == bank.engine && bank.engine == features.engine;
    const bool wrong = !session.alive || !features.alive || !bank.alive || !same || out.struct_size < 40;
    judge(sclip_session_segment_features(session.handle, features.handle, bank.handle, nullptr, &out), wrong, true,
          "sclip_session_segment_features");
    if (result != nullptr) results_.alive.emplace_back(result, -1);
  }

  void look_at_bank() {
    const auto bank = choose(banks_);
    size_t classes = 0, queries = 0;
    judge(sclip_bank_class_count(bank.handle, &classes), !bank.alive, false, "sclip_bank_class_count");
    if (!bank.alive) return;
    judge(sclip_bank_query_count(bank.handle, &queries), false, false, "sclip_bank_query_count");
    const size_t index = pick(classes + 1);
    const char* name = nullptr;
    judge(sclip_bank_class_name(bank.handle, index, &name), index == classes, false, "sclip_bank_class_name");
    int32_t owner = -1;
    const size_t query = pick(queries + 1);
    judge(sclip_bank_query(bank.handle, query, &name, &owner), query == queries, false, "sclip_bank_query");
  }

  void look_at_result() {
    const auto result = choose(results_);
    const uint16_t* labels = nullptr;
    const sclip_class_statistics* classes = nullptr;
    size_t count = 0;
    int32_t width = 0, height = 0;
    judge(sclip_result_labels(result.handle, &labels), !result.alive, false, "sclip_result_labels");
    judge(sclip_result_size(result.handle, &width, &height), !result.alive, false, "sclip_result_size");
    judge(sclip_result_classes(result.handle, &classes, &count), !result.alive, false, "sclip_result_classes");
    int64_t pixels = 0;
    for (size_t i = 0; i < count; ++i) pixels += classes[i].pixels;
    require(pixels <= int64_t{width} * height, "more pixels than the photo has");
    uint32_t sum = 0;
    for (int64_t i = 0; result.alive && i < int64_t{width} * height; ++i) sum += labels[i];
    checksum_ += sum;
  }

  void embed() {
    const auto session = choose(sessions_);
    const char* const texts[] = {"a photo", rarely() ? nullptr : "of what\xC3"};
    std::vector<float> out(2 * 1024);
    judge(sclip_session_embed_texts(session.handle, texts, 2, 1, out.data()), !session.alive || texts[1] == nullptr,
          true, "sclip_session_embed_texts");
    const sclip_image image = photo();
    judge(sclip_session_embed_image(session.handle, &image, out.data()), !session.alive || image.pixels == nullptr,
          true, "sclip_session_embed_image");
  }

  void pictures() {
    const auto bank = choose(banks_);
    for (uint16_t& label : mask16_) label = static_cast<uint16_t>(pick(3));
    mask16_.resize(60 * 60);
    sclip_bytes* png = nullptr;
    judge(sclip_encode_mask(mask16_.data(), 60, rarely() ? 0 : 50, bank.handle, &png), !bank.alive, true,
          "sclip_encode_mask");
    if (png == nullptr) return;
    const void* data = nullptr;
    size_t size = 0;
    judge(sclip_bytes_data(png, &data, &size), false, false, "sclip_bytes_data");
    std::vector<uint8_t> bytes(static_cast<const uint8_t*>(data), static_cast<const uint8_t*>(data) + size);
    judge(sclip_bytes_free(png), false, false, "sclip_bytes_free");
    const bool damaged = pick(3) == 0;
    if (damaged) bytes.resize(pick(bytes.size()));
    int32_t width = 0, height = 0;
    const bool no_place = rarely();
    const sclip_status sized =
        sclip_picture_size(bytes.data(), bytes.size(), nullptr, no_place ? nullptr : &width, &height);
    judge(sized, no_place, damaged, "sclip_picture_size");
    if (sized == SCLIP_OK) require(width == 60 && height == 50, "the size in the header");
    sclip_picture* picture = nullptr;
    judge(sclip_picture_decode(bytes.data(), bytes.size(), nullptr, &picture), damaged, false, "sclip_picture_decode");
    if (picture == nullptr) return;
    sclip_image image{};
    judge(sclip_picture_image(picture, &image), false, false, "sclip_picture_image");
    require(image.width == 60 && image.height == 50, "the mask's size");
    judge(sclip_picture_free(picture), false, false, "sclip_picture_free");
    judge(sclip_picture_free(picture), true, false, "sclip_picture_free twice");
  }

  void sizes() {
    std::vector<uint8_t> memory(512);
    const size_t size = pick(400);
    auto* const options = reinterpret_cast<sclip_bank_options*>(memory.data());
    judge(sclip_bank_options_init(options, size), size != sizeof(sclip_bank_options), false, "sclip_bank_options_init");
    const auto session = choose(sessions_);
    judge(sclip_session_trim(session.handle), !session.alive, false, "sclip_session_trim");
  }

  template <typename Handle>
  void free_of(Handles<Handle>& handles, sclip_status (*release)(Handle*), const char* call) {
    if (!handles.dead.empty() && rarely()) judge(release(handles.dead[pick(handles.dead.size())]), true, false, call);
    if (handles.alive.empty()) return;
    const size_t i = pick(handles.alive.size());
    Handle* const handle = handles.alive[i].first;
    handles.alive.erase(handles.alive.begin() + static_cast<std::ptrdiff_t>(i));
    judge(release(handle), false, false, call);
    handles.dead.push_back(handle);
  }

  void free_one() {
    switch (pick(5)) {
      case 0: return free_of(engines_, sclip_engine_free, "sclip_engine_free");
      case 1: return free_of(banks_, sclip_bank_free, "sclip_bank_free");
      case 2: return free_of(sessions_, sclip_session_free, "sclip_session_free");
      case 3: return free_of(features_, sclip_features_free, "sclip_features_free");
      default: return free_of(results_, sclip_result_free, "sclip_result_free");
    }
  }

  uint32_t seed_;
  std::mt19937 random_;
  int64_t steps_ = 0;
  int next_engine_ = 0;
  uint64_t checksum_ = 0;
  std::map<sclip_status, int64_t> seen_;
  Handles<sclip_engine> engines_;
  Handles<sclip_bank> banks_;
  Handles<sclip_session> sessions_;
  Handles<sclip_features> features_;
  Handles<sclip_result> results_;
  std::vector<uint8_t> pixels_, mask8_;
  std::vector<uint16_t> mask16_;
  std::vector<float> scores_;
};

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2;
  uint32_t seed = argc > 2 ? static_cast<uint32_t>(std::atol(argv[2])) : 1;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  int64_t steps = 0;
  std::map<sclip_status, int64_t> seen;
  do {
    Driver driver(seed++);
    while (driver.steps() < 2000 && std::chrono::steady_clock::now() < end) driver.step();
    driver.free_all();
    steps += driver.steps();
    for (const auto& [status, count] : driver.seen()) seen[status] += count;
  } while (std::chrono::steady_clock::now() < end);
  std::printf("%lld steps", static_cast<long long>(steps));
  for (const auto& [status, count] : seen)
    std::printf(", %lld %s", static_cast<long long>(count), sclip_status_name(status));
  std::printf("\n");
  return 0;
}
