// ModelConfig from a blob's metadata.
#pragma once

#include <string>
#include <string_view>

#include "sclip/model_config.h"

namespace sclip {

// Parses the metadata entries `config` and `preprocessing` of a blob and checks every value against the
// limits of the format; `where` begins each message. Throws kCorruptData.
ModelConfig parse_model_config(std::string_view config_json, std::string_view preprocessing_json,
                               const std::string& where);

}  // namespace sclip
