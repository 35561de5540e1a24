#include "evaluation/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/version.h"
#include "sclip/error.h"

namespace sclip {
namespace {

using Json = nlohmann::ordered_json;

std::string number(double value, const char* format) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string percent(double share) {
  return std::isnan(share) ? "–" : number(100 * share, "%.2f");
}

// What would end a cell of a Markdown table, or its line.
std::string cell_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '\\' || c == '`' || c == '<' || c == '*' || c == '_') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

void add_row(std::string& out, const std::vector<std::string>& cells) {
  for (const std::string& cell : cells) out += "| " + cell + " ";
  out += "|\n";
}

void add_head(std::string& out, const std::vector<std::string>& cells) {
  add_row(out, cells);
  std::vector<std::string> rule(cells.size(), "---:");
  rule[0] = "---";
  add_row(out, rule);
}

std::string published_text(const EvaluatedCell& cell) {
  return cell.published.empty() ? "" : " (" + number(cell.published[0].mean_iou, "%.1f") + ")";
}

const EvaluatedCell* find_cell(const EvaluatedSet& set, const std::string& label) {
  const auto found =
      std::find_if(set.cells.begin(), set.cells.end(), [&](const EvaluatedCell& c) { return c.label() == label; });
  return found == set.cells.end() ? nullptr : &*found;
}

// Cells by label, in the order in which they come up first.
std::vector<std::string> labels(const EvaluationReport& report) {
  std::vector<std::string> out;
  for (const EvaluatedSet& set : report.sets) {
    for (const EvaluatedCell& cell : set.cells) {
      if (std::find(out.begin(), out.end(), cell.label()) == out.end()) out.push_back(cell.label());
    }
  }
  return out;
}

void add_summary(std::string& out, const EvaluationReport& report) {
  out += "mIoU in percent";
  const auto has_figure = [](const EvaluatedSet& set) {
    return std::any_of(set.cells.begin(), set.cells.end(), [](const EvaluatedCell& c) { return !c.published.empty(); });
  };
  if (std::any_of(report.sets.begin(), report.sets.end(), has_figure)) {
    out += "; in brackets what was published for ViT-B/16 and the whole data set";
  }
  out += ".\n\n";
  std::vector<std::string> head = {"read-out"};
  for (const EvaluatedSet& set : report.sets) head.push_back(cell_text(set.title));
  if (report.sets.size() > 1) head.emplace_back("mean");
  add_head(out, head);
  for (const std::string& label : labels(report)) {
    std::vector<std::string> row = {cell_text(label)};
    double sum = 0;
    bool whole = true;
    for (const EvaluatedSet& set : report.sets) {
      const EvaluatedCell* cell = find_cell(set, label);
      row.push_back(cell == nullptr ? "" : percent(cell->measures.mean_iou) + published_text(*cell));
      whole = whole && cell != nullptr && !std::isnan(cell->measures.mean_iou);
      if (whole) sum += cell->measures.mean_iou;
    }
    if (report.sets.size() > 1) row.push_back(whole ? percent(sum / static_cast<double>(report.sets.size())) : "");
    add_row(out, row);
  }
}

void add_set(std::string& out, const EvaluatedSet& set) {
  out += "\n## " + cell_text(set.title) + "\n\n";
  const size_t counted = set.asked - set.failed.size();
  out += str(counted, " of ", set.asked, " photos", set.split.empty() ? "" : " of the split " + set.split, ", ",
             set.class_names.size(), " classes; numbers in the masks: ", set.numbers, ".");
  if (!set.ignored.empty()) {
    out += " Not counted:";
    for (const std::string& name : set.ignored)
      out += " " + cell_text(name) + (&name == &set.ignored.back() ? "." : ",");
  }
  if (set.missing > 0) out += str(" ", set.missing, " names of the list have no files.");
  if (set.without_mask > 0) out += str(" ", set.without_mask, " photos without a mask do not count.");
  out += "\n\n";
  add_head(out, {"read-out", "mIoU", "published", "pixel accuracy", "mean accuracy", "photos"});
  for (const EvaluatedCell& cell : set.cells) {
    std::string figures;
    for (const PublishedFigure& figure : cell.published) {
      figures += (figures.empty() ? "" : "; ") + number(figure.mean_iou, "%.2f") + " " + cell_text(figure.source);
    }
    add_row(out,
            {cell_text(cell.label()), percent(cell.measures.mean_iou), figures, percent(cell.measures.pixel_accuracy),
             percent(cell.measures.mean_accuracy), std::to_string(cell.photos)});
  }
  out += "\nIoU of each class, and the pixels that are it:\n\n";
  std::vector<std::string> head = {"class"};
  for (const EvaluatedCell& cell : set.cells) head.push_back(cell_text(cell.label()));
  head.emplace_back("pixels");
  add_head(out, head);
  for (size_t i = 0; i < set.class_names.size(); ++i) {
    std::vector<std::string> row = {cell_text(set.class_names[i])};
    int64_t pixels = 0;
    for (const EvaluatedCell& cell : set.cells) {
      row.push_back(percent(cell.measures.classes[i].iou));
      pixels = std::max(pixels, cell.measures.classes[i].pixels);
    }
    row.push_back(std::to_string(pixels));
    add_row(out, row);
  }
  out += "\n";
  for (const EvaluatedCell& cell : set.cells) {
    out += "- " + cell_text(cell.label()) + ": " + cell_text(cell.options);
    for (const std::string& picture : cell.pictures) {
      const size_t slash = picture.rfind('/');
      out += ", [" + cell_text(slash == std::string::npos ? picture : picture.substr(slash + 1)) + "](" + picture + ")";
    }
    out += "\n";
  }
  if (!set.failed.empty()) {
    out += "\nFailed, and not counted:\n\n";
    for (const FailedPhoto& photo : set.failed)
      out += "- " + cell_text(photo.name) + ": " + cell_text(photo.error) + "\n";
  }
}

Json share_json(double share) {
  return std::isnan(share) ? Json() : Json(share);
}

Json cell_json(const EvaluatedSet& set, const EvaluatedCell& cell) {
  Json classes = Json::array(), matrix = Json::array(), figures = Json::array();
  for (size_t i = 0; i < set.class_names.size(); ++i) {
    const ClassMeasures& one = cell.measures.classes[i];
    classes.push_back({{"id", i},
                       {"name", set.class_names[i]},
                       {"iou", share_json(one.iou)},
                       {"accuracy", share_json(one.accuracy)},
                       {"pixels", one.pixels}});
    Json row = Json::array();
    for (size_t said = 0; said <= set.class_names.size(); ++said) row.push_back(cell.confusion.at(i, said));
    matrix.push_back(std::move(row));
  }
  for (const PublishedFigure& figure : cell.published) {
    figures.push_back({{"mean_iou_percent", figure.mean_iou}, {"source", figure.source}});
  }
  return {{"policy", cell.policy},
          {"refine", cell.refine},
          {"protocol", to_string(cell.protocol)},
          {"options", cell.options},
          {"options_hash", cell.options_hash},
          {"photos", cell.photos},
          {"mean_iou", share_json(cell.measures.mean_iou)},
          {"pixel_accuracy", share_json(cell.measures.pixel_accuracy)},
          {"mean_accuracy", share_json(cell.measures.mean_accuracy)},
          {"pixels", cell.measures.pixels},
          {"published", std::move(figures)},
          {"pictures", cell.pictures},
          {"classes", std::move(classes)},
          {"confusion", std::move(matrix)}};
}

std::string csv_text(std::string_view text) {
  if (text.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string csv_share(double share) {
  return std::isnan(share) ? "" : number(share, "%.17g");
}

}  // namespace

std::string EvaluatedCell::label() const {
  std::string out = policy;
  if (refine != "none") out += " + " + refine;
  if (const std::string windows = to_string(protocol); !windows.empty()) out += ", " + windows;
  return out;
}

std::string to_markdown(const EvaluationReport& report) {
  std::string out = report.table > 0 ? str("# Table ", report.table, " of the SCLIP paper\n\n") : "# Evaluation\n\n";
  out += "Model " + cell_text(report.model) + " (sha256 " + report.model_sha256.substr(0, 16) + "…), " +
         cell_text(report.device) + " " + report.precision + ", templates: " + cell_text(report.templates) +
         "; sclip " + version() + ".\n\n";
  if (!report.sets.empty()) add_summary(out, report);
  if (!report.absent.empty() || !report.skipped.empty()) out += "\n";
  for (const std::string& line : report.absent) out += "- not there: " + cell_text(line) + "\n";
  for (const std::string& line : report.skipped) out += "- not run: " + cell_text(line) + "\n";
  for (const EvaluatedSet& set : report.sets) add_set(out, set);
  return out;
}

std::string to_json(const EvaluationReport& report) {
  Json sets = Json::array();
  for (const EvaluatedSet& set : report.sets) {
    Json cells = Json::array(), failed = Json::array();
    for (const EvaluatedCell& cell : set.cells) cells.push_back(cell_json(set, cell));
    for (const FailedPhoto& photo : set.failed) failed.push_back({{"photo", photo.name}, {"error", photo.error}});
    sets.push_back({{"name", set.name},
                    {"folder", set.folder},
                    {"split", set.split},
                    {"mask_numbers", set.numbers},
                    {"not_counted", set.ignored},
                    {"photos", set.asked},
                    {"missing", set.missing},
                    {"without_mask", set.without_mask},
                    {"failed", std::move(failed)},
                    {"results", std::move(cells)}});
  }
  const Json out = {{"software", "sclip"},
                    {"version", version()},
                    {"model", {{"name", report.model}, {"sha256", report.model_sha256}}},
                    {"device", {{"name", report.device}, {"precision", report.precision}}},
                    {"templates", report.templates},
                    {"table", report.table > 0 ? Json(report.table) : Json()},
                    {"absent", report.absent},
                    {"skipped", report.skipped},
                    {"data_sets", std::move(sets)}};
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string to_csv(const EvaluationReport& report) {
  std::string out = "data_set,policy,refine,protocol,class,iou,accuracy,pixels\n";
  for (const EvaluatedSet& set : report.sets) {
    for (const EvaluatedCell& cell : set.cells) {
      const std::string begin =
          set.name + "," + csv_text(cell.policy) + "," + cell.refine + "," + to_string(cell.protocol) + ",";
      for (size_t i = 0; i < set.class_names.size(); ++i) {
        const ClassMeasures& one = cell.measures.classes[i];
        out += begin + csv_text(set.class_names[i]) + "," + csv_share(one.iou) + "," + csv_share(one.accuracy) + "," +
               std::to_string(one.pixels) + "\n";
      }
      out += begin + "*," + csv_share(cell.measures.mean_iou) + "," + csv_share(cell.measures.mean_accuracy) + "," +
             std::to_string(cell.measures.pixels) + "\n";
    }
  }
  return out;
}

}  // namespace sclip
