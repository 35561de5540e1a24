#include "sclip/segment_options.h"

#include "sclip/error.h"

namespace sclip {

void check(const Refinement& refine) {
  SCLIP_CHECK(refine.iterations >= 0, kInvalidArgument, "refinement: ", refine.iterations,
              " iterations are not possible: give 0 or more");
  const auto [first, second] = refine.dilations;
  SCLIP_CHECK(first >= 1 && first <= 32 && second >= 0 && second <= 32, kInvalidArgument, "refinement: dilations of ",
              first, " and ", second, " pixels are not possible: each must be 1 … 32");
}

}  // namespace sclip
