// Repair of mojibake: UTF-8 that was read in a single-byte encoding, "Ã©" for "é". ftfy.fix_encoding, after
// Robyn Speer's ftfy (Apache-2.0), whose patterns are in tables/mojibake.inc.
#pragma once

#include <string>
#include <string_view>

namespace sclip {

// Leaves text alone that does not look wrong; ASCII never does.
std::u32string repair_mojibake(std::u32string_view text);

}  // namespace sclip
