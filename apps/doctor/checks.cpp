#include "apps/doctor/checks.h"

#include <algorithm>

namespace sclip {

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::kNote: return "note";
    case Severity::kWarning: return "warning";
    case Severity::kError: return "error";
  }
  return "";
}

std::span<const Check> doctor_checks() {
  static const std::vector<Check> kAll = [] {
    std::vector<Check> all;
    for (const auto& part : {data_set_checks(), word_checks(), model_checks()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return kAll;
}

Diagnosis diagnose(const Facts& facts) {
  Diagnosis out;
  for (const Check& check : doctor_checks()) {
    const bool can = check.needs == Needs::kDataSet   ? facts.data.has_value()
                     : check.needs == Needs::kClasses ? facts.classes.has_value()
                                                      : facts.model.has_value();
    (can ? out.asked : out.skipped).push_back(check.name);
    if (!can) continue;
    Findings found(check.name);
    check.look(facts, found);
    for (Finding& finding : found.take()) out.findings.push_back(std::move(finding));
  }
  return out;
}

size_t troubles(const Diagnosis& diagnosis) {
  return static_cast<size_t>(std::count_if(diagnosis.findings.begin(), diagnosis.findings.end(),
                                           [](const Finding& f) { return f.severity != Severity::kNote; }));
}

}  // namespace sclip
