#include "results/rle.h"

#include <algorithm>
#include <limits>

namespace sclip {
namespace {

class Encoder {
 public:
  // Pixels first … first + count of the columns one after the other.
  void add_run(int64_t first, int64_t count, int64_t rows) {
    append(first - end_);
    append(count);
    end_ = first + count;
    area_ += count;
    const int64_t left = first / rows, right = (end_ - 1) / rows;
    x0_ = std::min(x0_, left);
    x1_ = std::max(x1_, right);
    // A run that goes on in the next column covers that one's top and this one's bottom.
    y0_ = std::min(y0_, left == right ? first % rows : 0);
    y1_ = std::max(y1_, left == right ? (end_ - 1) % rows : rows - 1);
  }

  bool empty() const { return area_ == 0; }

  ClassRle finish(uint16_t label, int64_t pixels) {
    if (end_ < pixels) append(pixels - end_);
    return {.label = label,
            .counts = std::move(counts_),
            .area = area_,
            .x = static_cast<int>(x0_),
            .y = static_cast<int>(y0_),
            .width = static_cast<int>(x1_ - x0_ + 1),
            .height = static_cast<int>(y1_ - y0_ + 1)};
  }

 private:
  void append(int64_t count) {
    int64_t rest = number_ > 2 ? count - before_last_ : count;
    before_last_ = last_;
    last_ = count;
    ++number_;
    for (bool more = true; more;) {
      int bits = static_cast<int>(rest & 31);
      rest >>= 5;
      more = rest != ((bits & 16) != 0 ? -1 : 0);
      if (more) bits |= 32;
      counts_ += static_cast<char>('0' + bits);
    }
  }

  std::string counts_;
  int64_t number_ = 0, last_ = 0, before_last_ = 0;  // of the counts so far
  int64_t end_ = 0;                                  // behind the last run
  int64_t area_ = 0;
  int64_t x0_ = std::numeric_limits<int64_t>::max(), x1_ = -1;
  int64_t y0_ = std::numeric_limits<int64_t>::max(), y1_ = -1;
};

}  // namespace

std::vector<ClassRle> encode_rle(LabelView labels) {
  const auto width = static_cast<size_t>(labels.width), rows = static_cast<size_t>(labels.height);
  const auto height = static_cast<int64_t>(rows);
  std::vector<Encoder> encoders;
  int64_t run_start = 0, position = 0;
  uint16_t run_label = width * rows > 0 ? labels.labels[0] : 0;
  const auto end_run = [&] {
    if (encoders.size() <= run_label) encoders.resize(size_t{run_label} + 1);
    encoders[run_label].add_run(run_start, position - run_start, height);
  };
  // So many columns at once that a row of them fills a cache line.
  constexpr size_t kColumns = 32;
  std::vector<uint16_t> columns(kColumns * rows);
  for (size_t x0 = 0; x0 < width; x0 += kColumns) {
    const size_t count = std::min(kColumns, width - x0);
    for (size_t y = 0; y < rows; ++y) {
      const uint16_t* from = labels.labels + y * width + x0;
      for (size_t x = 0; x < count; ++x) columns[x * rows + y] = from[x];
    }
    for (size_t i = 0; i < count * rows; ++i, ++position) {
      if (columns[i] == run_label) continue;
      end_run();
      run_label = columns[i];
      run_start = position;
    }
  }
  if (position > 0) end_run();

  std::vector<ClassRle> out;
  for (size_t label = 0; label < encoders.size(); ++label) {
    if (!encoders[label].empty()) out.push_back(encoders[label].finish(static_cast<uint16_t>(label), position));
  }
  return out;
}

}  // namespace sclip
