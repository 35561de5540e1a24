// A file name for a class whose name may hold anything.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sclip {

// "07-traffic-light": the id, as wide as the largest of `classes`, then the name's letters and digits, of any script.
// What else the name holds becomes '-'. The id makes it unique, the file names sort by it.
std::string class_file_name(size_t id, size_t classes, std::string_view class_name);

// Whether a file was named so.
bool is_class_file_name(std::string_view file_name);

}  // namespace sclip
