#include "backends/tuned_choices.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "core/atomic_file.h"
#include "core/file.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// File: this line, the machine, and a line for each choice with these fields, separated by tabs.
constexpr std::string_view kMagic = "sclip tuning 1";
enum Field { kKey, kId, kWhat, kChosen, kMicroseconds, kOtherwise, kOtherwiseMicroseconds, kFields };

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, '\t');) out.push_back(field);
  return out;
}

std::optional<double> number(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 0)) return std::nullopt;
  return value;
}

std::string plain(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
  return text;
}

}  // namespace

TunedChoices::TunedChoices(std::optional<std::filesystem::path> file, std::string machine)
    : file_(std::move(file)), machine_(plain(std::move(machine))) {
  load();
}

void TunedChoices::load() {
  std::error_code error;
  if (!file_ || !std::filesystem::exists(*file_, error)) return;
  try {
    std::istringstream stream(read_text_file(*file_));
    std::string line;
    if (!std::getline(stream, line) || line != kMagic || !std::getline(stream, line) || line != machine_) return;
    while (std::getline(stream, line)) {
      const auto fields = split(line);
      if (fields.size() != kFields) continue;
      const auto time = number(fields[kMicroseconds]), otherwise = number(fields[kOtherwiseMicroseconds]);
      if (!time || !otherwise) continue;
      entries_[fields[kKey]] = {fields[kId],
                                {.what = fields[kWhat],
                                 .chosen = fields[kChosen],
                                 .microseconds = *time,
                                 .otherwise = fields[kOtherwise],
                                 .otherwise_microseconds = *otherwise,
                                 .from_file = true}};
    }
  } catch (const Error& e) {
    trouble_ = e.what();  // measured anew
  }
}

void TunedChoices::store() const {
  if (!file_) return;
  std::ostringstream text;
  text << kMagic << "\n" << machine_ << "\n";
  for (const auto& [key, entry] : entries_) {
    const TuningNote& n = entry.note;
    text << key << '\t' << entry.id << '\t' << n.what << '\t' << n.chosen << '\t' << n.microseconds << '\t'
         << n.otherwise << '\t' << n.otherwise_microseconds << '\n';
  }
  try {
    std::filesystem::create_directories(file_->parent_path());
    write_file_atomically(*file_, text.str());
    trouble_.clear();
  } catch (const std::exception& e) {
    trouble_ = e.what();  // the choices are used, and measured again by the next run
  }
}

std::optional<std::string> TunedChoices::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(plain(key));
  return found == entries_.end() ? std::nullopt : std::optional(found->second.id);
}

size_t TunedChoices::choose(const std::string& key, const std::string& what, const std::vector<Measured>& measured) {
  SCLIP_CHECK(!measured.empty(), kInternal, "nothing was measured for ", what);
  const auto best = std::min_element(measured.begin(), measured.end(), [](const Measured& a, const Measured& b) {
    return a.microseconds < b.microseconds;
  });
  const std::lock_guard lock(mutex_);
  entries_[plain(key)] = {plain(best->id),
                          {.what = plain(what),
                           .chosen = plain(best->text),
                           .microseconds = best->microseconds,
                           .otherwise = plain(measured.front().text),
                           .otherwise_microseconds = measured.front().microseconds,
                           .from_file = false}};
  store();
  return static_cast<size_t>(best - measured.begin());
}

std::vector<TuningNote> TunedChoices::notes() const {
  const std::lock_guard lock(mutex_);
  std::vector<TuningNote> out;
  for (const auto& [key, entry] : entries_) out.push_back(entry.note);
  if (!trouble_.empty()) {
    out.push_back({.what = "the choices were not kept", .chosen = trouble_, .otherwise = "", .from_file = false});
  }
  return out;
}

}  // namespace sclip
