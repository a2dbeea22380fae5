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
  if (text.size() % 4 != 0) throw std::invalid_argument("not base64: not padded");
  for (int most = 2; most > 0 && text.ends_with('='); --most) text.remove_suffix(1);
  std::string out;
  unsigned buffer = 0;
  int bits = 0;
  for (char c : text) {
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) throw std::invalid_argument("not base64");
    buffer = buffer << 6 | static_cast<unsigned>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(buffer >> bits & 255);
    }
  }
  if ((buffer & ((1u << bits) - 1)) != 0) throw std::invalid_argument("not base64: bits beyond the last byte");
  return out;
}

}  // namespace

std::string bytes_from(const nlohmann::json& value) {
  if (!value.is_object()) return value.get<std::string>();
  if (value.size() != 1) throw std::invalid_argument("a byte string is an object of more than base64");
  return from_base64(value.at("base64").get_ref<const std::string&>());
}

std::vector<std::string> byte_strings_from(const nlohmann::json& list) {
  if (!list.is_array()) throw std::invalid_argument("a list of byte strings is none");
  std::vector<std::string> out;
  out.reserve(list.size());
  for (const auto& item : list) out.push_back(bytes_from(item));
  return out;
}

const nlohmann::json& list_in(const nlohmann::json& value, std::size_t length) {
  if (!value.is_array() || (length != 0 && value.size() != length))
    throw std::invalid_argument("a list is none, or of another length");
  return value;
}

Digest digest_from(const nlohmann::json& hex) {
  const auto digest = digest_from_hex(hex.get_ref<const std::string&>());
  if (!digest) throw std::invalid_argument(digest.error().message);
  return *digest;
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
