#include "weights/tensor_table.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>

#include "sclip/error.h"
#include "tensors_csv.h"

namespace sclip {
namespace {

struct Row {
  std::string_view name;
  std::string_view shape;
  std::string_view flags;
  bool per_layer() const { return name.find("{i}") != std::string_view::npos; }
  std::string_view tower() const { return name.substr(0, name.find('.')); }
};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (true) {
    const size_t at = text.find(separator);
    out.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

const std::vector<Row>& rows() {
  static const std::vector<Row> table = [] {
    std::vector<Row> out;
    for (std::string_view line : split(kTensorsCsv, '\n')) {
      const std::vector<std::string_view> cells = split(line, ',');
      if (line.empty() || cells[0] == "name") continue;
      SCLIP_CHECK(cells.size() == 7, kInternal, "tensors.csv: a row has ", cells.size(), " cells, 7 are needed");
      out.push_back({cells[0], cells[1], cells[6]});
    }
    return out;
  }();
  return table;
}

std::map<char, int64_t> letters(const ModelConfig& config, std::string_view tower) {
  const bool visual = tower == "visual";
  return {{'C', visual ? config.vision.width : config.text.width},
          {'F', visual ? config.vision.mlp_width : config.text.mlp_width},
          {'P', config.vision.patch_size},
          {'N', config.vision.tokens()},
          {'E', config.embed_dim},
          {'V', config.text.vocabulary},
          {'T', config.text.context}};
}

// "3C" is 3·C, "3" is 3, "*" is any.
int64_t extent(std::string_view factor, const std::map<char, int64_t>& values) {
  if (factor == "*") return 0;
  int64_t number = 1;
  const auto [rest, status] = std::from_chars(factor.data(), factor.data() + factor.size(), number);
  const std::string_view letter = factor.substr(static_cast<size_t>(rest - factor.data()));
  if (letter.empty()) return number;
  SCLIP_CHECK(letter.size() == 1 && values.contains(letter[0]), kInternal, "tensors.csv: unknown extent ", factor);
  return number * values.at(letter[0]);
}

TensorSpec spec_of(const Row& row, const ModelConfig& config, int layer) {
  TensorSpec spec;
  spec.name = row.name;
  if (row.per_layer()) spec.name.replace(spec.name.find("{i}"), 3, std::to_string(layer));
  const std::map<char, int64_t> values = letters(config, row.tower());
  for (std::string_view factor : split(row.shape, ' ')) {
    spec.shape.dims[static_cast<size_t>(spec.shape.rank++)] = extent(factor, values);
  }
  spec.is_bytes = row.flags == "u8";
  return spec;
}

}  // namespace

std::vector<TensorSpec> tensor_specs(const ModelConfig& config) {
  std::vector<TensorSpec> out;
  const std::vector<Row>& table = rows();
  for (auto row = table.begin(); row != table.end();) {
    // A run of per-layer rows of one tower is repeated as a whole: all of block 0, then all of block 1, …
    const auto end =
        row->per_layer()
            ? std::find_if(row, table.end(),
                           [&](const Row& other) { return !other.per_layer() || other.tower() != row->tower(); })
            : row + 1;
    const int layers = !row->per_layer() ? 1 : (row->tower() == "visual" ? config.vision.layers : config.text.layers);
    for (int layer = 0; layer < layers; ++layer) {
      for (auto r = row; r != end; ++r) out.push_back(spec_of(*r, config, layer));
    }
    row = end;
  }
  return out;
}

}  // namespace sclip
