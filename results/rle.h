// COCO's compressed run lengths of a label map: what pycocotools calls RLE.
//
// A class's mask is read column by column: so many 0, so many 1, so many 0, … the first count may be 0. From the
// fourth on, the difference to the count two before is stored. Each number becomes characters of 5 bits, the lowest
// first: '0' + bits, + 32 when more follow; the highest bit of the last is the sign.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "io/png_write.h"

namespace sclip {

struct ClassRle {
  uint16_t label = 0;
  std::string counts;
  int64_t area = 0;                         // pixels
  int x = 0, y = 0, width = 0, height = 0;  // the smallest rectangle that holds them
};

// The classes that have pixels, in order. One pass over the labels, however many classes there are.
std::vector<ClassRle> encode_rle(LabelView labels);

}  // namespace sclip
