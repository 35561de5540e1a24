// The names that a choice takes, as the command's help and the service's schema list them.
#pragma once

#include <string>
#include <vector>

namespace sclip {

std::vector<std::string> policy_names();
std::vector<std::string> config_names();
std::vector<std::string> protocol_names();
std::vector<std::string> recipe_names();  // the methods that have one
std::vector<std::string> class_list_names();
std::vector<std::string> refiner_names();  // and "none"

}  // namespace sclip
