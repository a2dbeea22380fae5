// Byte strings in JSON: a string where the bytes are UTF-8, else {"base64": …}.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/base/digest.h"

namespace extfarm {

// Throws nlohmann::json::exception or std::invalid_argument on any other shape,
// base64 that is not as RFC 4648 writes it (padded) included.
std::string bytes_from(const nlohmann::json& value);
// A list of them; throws likewise.
std::vector<std::string> byte_strings_from(const nlohmann::json& list);
nlohmann::json bytes_to(const std::string& bytes);

// The value, which must be a list; where `length` is not 0, of that length.  Throws likewise.
const nlohmann::json& list_in(const nlohmann::json& value, std::size_t length = 0);
// Of its hex digits.  Throws likewise.
Digest digest_from(const nlohmann::json& hex);

}  // namespace extfarm
