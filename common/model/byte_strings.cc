#include "common/model/byte_strings.h"

#include <stdexcept>
#include <string_view>

namespace extfarm {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string to_base64(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) {
      return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u;
    };
    const unsigned triple = at(0) << 16 | at(1) << 8 | at(2);
    out += kAlphabet[triple >> 18 & 63];
    out += kAlphabet[triple >> 12 & 63];
    out += i + 1 < bytes.size() ? kAlphabet[triple >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? kAlphabet[triple & 63] : '=';
  }
  return out;
}

std::string from_base64(std::string_view text) {
  std::string out;
  unsigned buffer = 0;
  int bits = 0;
  for (char c : text) {
    if (c == '=') break;
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) throw std::invalid_argument("not base64");
    buffer = buffer << 6 | static_cast<unsigned>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(buffer >> bits & 255);
    }
  }
  return out;
}

}  // namespace

std::string bytes_from(const nlohmann::json& value) {
  if (value.is_object()) return from_base64(value.at("base64").get_ref<const std::string&>());
  return value.get<std::string>();
}

nlohmann::json bytes_to(const std::string& bytes) {
  const nlohmann::json text = bytes;
  try {
    static_cast<void>(text.dump());
    return text;
  } catch (const nlohmann::json::type_error&) {
    return {{"base64", to_base64(bytes)}};
  }
}

}  // namespace extfarm
