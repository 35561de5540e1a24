// Which outputs a request wants: those that it names, or what its Accept header lets be answered.
#pragma once

#include <string>
#include <vector>

#include "results/output_kinds.h"
#include "server/routes/fields.h"

namespace sclip {

using WantedOutputs = std::vector<const OutputKind*>;  // one or more

// Throws HttpError: 422 for outputs that are not there or not served, 406 where Accept takes none.
WantedOutputs wanted_outputs(const Fields& fields, const std::string& accept);
bool contains(const WantedOutputs& outputs, std::string_view name);

// Whether an Accept header takes a media type; an empty one takes all.
bool accepts(const std::string& accept, std::string_view type);

}  // namespace sclip
