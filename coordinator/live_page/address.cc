#include "coordinator/live_page/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace extfarm::live_page {
namespace {

struct Parts {
  std::string host;
  std::string_view port;  // after the colon; empty: none was given
};

Parts parts_of(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return {std::string(text), {}};
    const auto rest = text.substr(close + 1);
    return {std::string(text.substr(1, close - 1)), rest.starts_with(':') ? rest.substr(1) : std::string_view()};
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find(':') != colon) return {std::string(text), {}};  // ::1 without brackets
  return {std::string(text.substr(0, colon)), text.substr(colon + 1)};
}

bool is_literal(const std::string& host) {
  in6_addr any{};
  return ::inet_pton(AF_INET, host.c_str(), &any) == 1 || ::inet_pton(AF_INET6, host.c_str(), &any) == 1;
}

bool is_loopback_host(const std::string& host) {
  in_addr four{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
  return host == "::1" || host == "localhost";
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

}  // namespace

bool Address::is_loopback() const { return is_loopback_host(host); }

Result<Address> parse_address(const std::string& text) {
  Address out;
  const auto [host, port] = parts_of(text);
  if (!host.empty()) out.host = host;
  const auto refused = failure(ErrorCode::kInvalid, "\"" + text + "\" is no address to listen at; give one such as 127.0.0.1:7180");
  if (!is_literal(out.host) && out.host != "localhost") return refused;
  if (port.empty()) return text.ends_with(':') ? Result<Address>(refused) : out;
  const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (problem != std::errc() || end != port.data() + port.size()) return refused;
  return out;
}

bool is_own_host(std::string_view header, const Address& address, std::string_view host_name) {
  const std::string host = lower(parts_of(header).host);
  if (is_loopback_host(host)) return true;
  return !address.is_loopback() && !host.empty() && (is_literal(host) || host == lower(host_name));
}

}  // namespace extfarm::live_page
