#include "coordinator/manifest/wording.h"

#include <nlohmann/json.hpp>

namespace extfarm::manifest {

std::string in_quotes(std::string_view bytes) {
  constexpr std::size_t kLongest = 80;
  std::string shown(bytes.substr(0, kLongest));
  if (bytes.size() > kLongest) {
    // Whole characters only.
    while (!shown.empty() && (bytes[shown.size()] & 0xC0) == 0x80) shown.pop_back();
    shown += "…";
  }
  return nlohmann::json(shown).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string numbered(std::string_view noun, std::size_t number, std::string_view id) {
  auto out = std::string(noun) + " " + std::to_string(number);
  return id.empty() ? out : out + " (" + in_quotes(id) + ")";
}

}  // namespace extfarm::manifest
