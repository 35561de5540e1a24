#include "evaluation/matrix_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "core/file.h"
#include "sclip/error.h"

namespace sclip {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void give_up(const std::filesystem::path& path) {
  fail(ErrorCode::kIo, "cannot write ", path.string(), ": ", std::strerror(errno));
}

void append(int fd, std::string_view text, const std::filesystem::path& path) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) give_up(path);
    text.remove_prefix(static_cast<size_t>(count));
  }
}

Json to_json(const FileIdentity& file) {
  return {file.bytes, file.modified_ns};
}

FileIdentity file_from(const Json& json) {
  return {json.at(0).get<int64_t>(), json.at(1).get<int64_t>()};
}

// true, predicted, pixels, and so on: most matrices are nearly empty.
Json pairs(const Confusion& matrix) {
  Json out = Json::array();
  for (size_t is = 0; is < matrix.classes(); ++is) {
    for (size_t said = 0; said <= matrix.classes(); ++said) {
      if (matrix.at(is, said) == 0) continue;
      out.push_back(is);
      out.push_back(said);
      out.push_back(matrix.at(is, said));
    }
  }
  return out;
}

Confusion matrix_from(const Json& json, size_t classes) {
  Confusion out(classes);
  SCLIP_CHECK(json.size() % 3 == 0, kCorruptData, "no list of triples");
  for (size_t i = 0; i < json.size(); i += 3) {
    const auto is = json[i].get<size_t>(), said = json[i + 1].get<size_t>();
    const auto pixels = json[i + 2].get<int64_t>();
    SCLIP_CHECK(is < classes && said <= classes && pixels > 0, kCorruptData, "a class that is none");
    out.add(is, said, pixels);
  }
  return out;
}

Json header(size_t classes) {
  return {{"software", "sclip"}, {"matrices", 1}, {"classes", classes}};
}

}  // namespace

SampleIdentity identify(const Sample& sample) {
  return {identify_file(sample.photo), identify_file(sample.mask)};
}

MatrixStore::MatrixStore(std::filesystem::path file, size_t classes) : path_(std::move(file)), classes_(classes) {
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd_ < 0) give_up(path_);
  try {
    read();
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

MatrixStore::~MatrixStore() {
  ::close(fd_);
}

void MatrixStore::read() {
  const std::string text = read_text_file(path_);
  const std::string first = header(classes_).dump() + "\n";
  if (text.size() < first.size() && first.starts_with(text)) {  // new, or cut short in its first line
    if (::ftruncate(fd_, 0) != 0) give_up(path_);
    append(fd_, first, path_);
    return;
  }
  SCLIP_CHECK(text.starts_with(first), kCorruptData, path_.string(),
              " does not hold the matrices of this evaluation: remove it, or give another --out");
  size_t good = first.size();
  while (good < text.size()) {
    const size_t end = text.find('\n', good);
    if (end == std::string::npos) break;
    try {
      const Json line =
          Json::parse(text.begin() + static_cast<ptrdiff_t>(good), text.begin() + static_cast<ptrdiff_t>(end));
      const SampleIdentity identity{file_from(line.at("photo_file")), file_from(line.at("mask_file"))};
      kept_.insert_or_assign(line.at("photo").get<std::string>(),
                             Kept{identity, matrix_from(line.at("pixels"), classes_)});
    } catch (const std::exception& error) {
      fail(ErrorCode::kCorruptData, path_.string(), " is damaged at byte ", good, " (", error.what(),
           "): remove it, and its photos are computed anew");
    }
    good = end + 1;
  }
  if (good < text.size() && ::ftruncate(fd_, static_cast<off_t>(good)) != 0) give_up(path_);
}

const Confusion* MatrixStore::find(const std::string& name, const SampleIdentity& identity) const {
  const auto kept = kept_.find(name);
  return kept == kept_.end() || !(kept->second.identity == identity) ? nullptr : &kept->second.matrix;
}

void MatrixStore::add(const std::string& name, const SampleIdentity& identity, Confusion matrix) {
  const Json line = {{"photo", name},
                     {"photo_file", to_json(identity.photo)},
                     {"mask_file", to_json(identity.mask)},
                     {"pixels", pairs(matrix)}};
  append(fd_, line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n", path_);
  kept_.insert_or_assign(name, Kept{identity, std::move(matrix)});
}

}  // namespace sclip
