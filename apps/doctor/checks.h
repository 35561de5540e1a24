// The table of what is looked for: one row a mistake that people make.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/doctor/facts.h"

namespace sclip {

// kError: results will be wrong. kWarning: they may be. kNote: good to know; does not count as something found.
enum class Severity : uint8_t { kNote, kWarning, kError };
std::string_view to_string(Severity severity);  // "note", "warning", "error"

struct Finding {
  std::string_view check;
  Severity severity = Severity::kError;
  std::string what;  // one line: what is there, with numbers and a file's name
  std::string fix;   // one line: what to do
};

class Findings {
 public:
  explicit Findings(std::string_view check) : check_(check) {}
  void add(Severity severity, std::string what, std::string fix) {
    all_.push_back({check_, severity, std::move(what), std::move(fix)});
  }
  std::vector<Finding> take() { return std::move(all_); }

 private:
  std::string_view check_;
  std::vector<Finding> all_;
};

enum class Needs : uint8_t { kDataSet, kClasses, kModel };

struct Check {
  std::string_view name;      // "zero-label"
  std::string_view question;  // "Do the masks count from 1 where …?"
  Needs needs;
  void (*look)(const Facts& facts, Findings& found);
};

std::span<const Check> doctor_checks();

struct Diagnosis {
  std::vector<Finding> findings;          // in the table's order
  std::vector<std::string_view> asked;    // checks that could be made
  std::vector<std::string_view> skipped;  // for want of a data set, words or a model
};

Diagnosis diagnose(const Facts& facts);
// Errors and warnings.
size_t troubles(const Diagnosis& diagnosis);

// The rows by what they need, in the table's order.
std::span<const Check> data_set_checks();
std::span<const Check> word_checks();
std::span<const Check> model_checks();

}  // namespace sclip
