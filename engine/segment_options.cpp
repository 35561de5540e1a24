#include "sclip/segment_options.h"

#include "sclip/error.h"

namespace sclip {

void check(const Refinement& refine) {
  SCLIP_CHECK(refine.iterations >= 0, kInvalidArgument, "refinement: ", refine.iterations,
              " iterations are not possible: give 0 or more");
  const auto [first, second] = refine.dilations;
  SCLIP_CHECK(first >= 1 && first <= 32 && second >= 0 && second <= 32, kInvalidArgument, "refinement: dilations of ",
              first, " and ", second, " pixels are not possible: each must be 1 … 32");
  SCLIP_CHECK(refine.cells >= 1 && refine.cells <= 1024, kInvalidArgument, "refinement: a grid of about ", refine.cells,
              " cells a side is not possible: give 1 … 1024");
}

}  // namespace sclip
