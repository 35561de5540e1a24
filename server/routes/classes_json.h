// Classes and the words that stand for them, as answers list them.
#pragma once

#include <nlohmann/json.hpp>

#include "sclip/class_list.h"

namespace sclip {

nlohmann::ordered_json classes_json(const ClassList& classes);  // [{"id", "name", "queries"}]

}  // namespace sclip
