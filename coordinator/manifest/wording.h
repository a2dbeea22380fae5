// How names appear in messages.
#pragma once

#include <string>
#include <string_view>

namespace extfarm::manifest {

// In double quotes, control characters escaped, bytes that are no UTF-8 as
// U+FFFD, and at most 80 bytes of it.
std::string in_quotes(std::string_view bytes);

// "action 3" or "action 3 (\"id\")".
std::string numbered(std::string_view noun, std::size_t number, std::string_view id);

}  // namespace extfarm::manifest
