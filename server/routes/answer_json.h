// A value of nlohmann_json as the body of an answer. Text that is no UTF-8 is replaced in it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "server/http/message.h"

namespace sclip {

HttpResponse indented_answer(const nlohmann::ordered_json& body, int status = 200);  // for people too
HttpResponse compact_answer(const nlohmann::ordered_json& body, int status = 200);   // for programs, or large

}  // namespace sclip
