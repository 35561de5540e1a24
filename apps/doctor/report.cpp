#include "apps/doctor/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/console.h"
#include "apps/table.h"
#include "core/version.h"
#include "sclip/error.h"

namespace sclip {
namespace {

using Json = nlohmann::ordered_json;

std::string what_was_read(const Facts& facts) {
  if (!facts.data) return "";
  const DataFacts& data = *facts.data;
  std::string out = data.set + ": " + counted(data.pairs, "photo") + " with " + (data.pairs == 1 ? "a mask" : "masks");
  if (data.looked.size() < data.pairs) out += str(", ", data.looked.size(), " of them read (--photos 0 reads all)");
  return out + "\n";
}

size_t count(const Diagnosis& diagnosis, Severity severity) {
  return static_cast<size_t>(std::count_if(diagnosis.findings.begin(), diagnosis.findings.end(),
                                           [&](const Finding& f) { return f.severity == severity; }));
}

}  // namespace

std::string doctor_text(const Facts& facts, const Diagnosis& diagnosis) {
  std::string out = what_was_read(facts);
  for (const Finding& f : diagnosis.findings) {
    out += one_line(str(to_string(f.severity), ": ", f.check, ": ", f.what, ". Fix: ", f.fix)) + "\n";
  }
  const size_t errors = count(diagnosis, Severity::kError), warnings = count(diagnosis, Severity::kWarning);
  out += errors + warnings == 0 ? "nothing found" : counted(errors, "error") + ", " + counted(warnings, "warning");
  out += "; " + counted(diagnosis.asked.size(), "check");
  if (!diagnosis.skipped.empty()) {
    out += str(", ", diagnosis.skipped.size(), " more need ",
               facts.data ? (facts.classes ? "a model" : "words (--classes, --classes-file)")
                          : "a data set (--dataset, --root)");
  }
  return out + "\n";
}

std::string doctor_json(const Facts& facts, const Diagnosis& diagnosis) {
  Json findings = Json::array();
  for (const Finding& f : diagnosis.findings) {
    findings.push_back({{"check", std::string(f.check)},
                        {"severity", std::string(to_string(f.severity))},
                        {"what", f.what},
                        {"fix", f.fix}});
  }
  Json data;
  if (facts.data) {
    data = {{"name", facts.data->set},
            {"pairs", facts.data->pairs},
            {"read", facts.data->looked.size()},
            {"rule", std::string(describe(facts.data->rule.kind()))}};
  }
  const Json out = {
      {"software", "sclip"},
      {"version", version()},
      {"data_set", std::move(data)},
      {"model", facts.model ? Json(facts.model->name) : Json()},
      {"findings", std::move(findings)},
      {"checks", std::vector<std::string>(diagnosis.asked.begin(), diagnosis.asked.end())},
      {"not_checked", std::vector<std::string>(diagnosis.skipped.begin(), diagnosis.skipped.end())},
  };
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string check_table() {
  std::string out;
  for (const Check& check : doctor_checks()) {
    std::string name(check.name);
    name.resize(std::max<size_t>(22, name.size() + 2), ' ');
    out += name + std::string(check.question) + "\n";
  }
  return out;
}

}  // namespace sclip
