// Byte strings in JSON: a string where the bytes are UTF-8, else {"base64": …}.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace extfarm {

// Throws nlohmann::json::exception or std::invalid_argument on any other shape.
std::string bytes_from(const nlohmann::json& value);
nlohmann::json bytes_to(const std::string& bytes);

}  // namespace extfarm
