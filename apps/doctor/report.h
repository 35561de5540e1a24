// What `sclip doctor` says.
#pragma once

#include <string>

#include "apps/doctor/checks.h"

namespace sclip {

std::string doctor_text(const Facts& facts, const Diagnosis& diagnosis);
std::string doctor_json(const Facts& facts, const Diagnosis& diagnosis);
std::string check_table();  // name and question of every check

}  // namespace sclip
