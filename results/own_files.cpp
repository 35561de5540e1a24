#include "results/own_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "io/jpeg_write.h"
#include "io/png_write.h"
#include "results/output_kinds.h"
#include "results/result_json.h"
#include "sclip/error.h"

namespace sclip {
namespace {

namespace fs = std::filesystem;

constexpr size_t kJsonMarkBytes = 64;  // the mark is in the first member
constexpr size_t kHeadBytes = std::max({kPngMarkBytes, kJpegMarkBytes, kJsonMarkBytes});

// The first kHeadBytes of a file, or all of a shorter one.
std::string read_head(const fs::path& file) {
  std::string head(kHeadBytes, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(head.data(), static_cast<std::streamsize>(kHeadBytes));
  head.resize(static_cast<size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
  return head;
}

bool is_marked_json(std::string_view head) {
  return head.starts_with("{") && head.substr(0, kJsonMarkBytes).find(kJsonMark) != std::string_view::npos;
}

// Whether the result.json at `result` names the file of this name as one of its outputs.
bool vouches_for(const fs::path& result, const fs::path& file_name) {
  try {
    if (!fs::is_regular_file(result) || !is_marked_json(read_head(result))) return false;
    const auto json = nlohmann::json::parse(read_text_file(result));
    for (const auto& [kind, files] : json.at("outputs").items()) {
      if (files == file_name.string()) return true;
    }
    return false;
  } catch (const Error&) {
    return false;
  } catch (const std::exception&) {  // not JSON, or of other members
    return false;
  }
}

// A file of a kind without a mark of its own: "a.logits.npy" is named by "a.result.json".
bool is_vouched_for(const fs::path& file) {
  const std::string name = file.filename().string();
  return std::any_of(output_kinds().begin(), output_kinds().end(), [&](const OutputKind& kind) {
    if (!name.ends_with(kind.suffix)) return false;
    const std::string prefix = name.substr(0, name.size() - kind.suffix.size());
    return (prefix.empty() || prefix.ends_with('.')) &&
           vouches_for(file.parent_path() / (prefix + std::string(kResultFile)), file.filename());
  });
}

}  // namespace

bool written_by_sclip(const fs::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  const std::string head = read_head(file);
  const auto bytes = std::as_bytes(std::span(head));
  return is_marked_png(bytes) || is_marked_jpeg(bytes) || is_marked_json(head) || is_vouched_for(file);
}

void OverwriteGuard::protect(const fs::path& input) {
  struct stat info {};
  if (::stat(input.c_str(), &info) == 0) inputs_.insert({info.st_dev, info.st_ino});
}

void OverwriteGuard::check(const fs::path& target) const {
  struct stat info {};
  if (::stat(target.c_str(), &info) != 0) return;
  SCLIP_CHECK(inputs_.find({info.st_dev, info.st_ino}) == inputs_.end(), kIo, "cannot write ", target.string(),
              ": it is one of the files that this run reads; choose another --out");
  SCLIP_CHECK(S_ISREG(info.st_mode), kIo, "cannot write ", target.string(), ": ",
              S_ISDIR(info.st_mode) ? "a folder" : "something that is no regular file", " has that name");
  SCLIP_CHECK(
      anything_ || written_by_sclip(target), kIo, "cannot write ", target.string(),
      ": it is there already, and sclip did not write it; choose another --out, or replace it with --overwrite");
}

}  // namespace sclip
