// Where the live page may listen, and under which names it may be asked for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace extfarm::live_page {

struct Address {
  std::string host = "127.0.0.1";  // without brackets
  std::uint16_t port = 7180;       // 0: any that is free
  // Reached by this machine's own processes only.
  bool is_loopback() const;
};

// "127.0.0.1:7180", "[::1]:0", "localhost", ":8000".  Errors: kInvalid, with the text.
Result<Address> parse_address(const std::string& text);

// Whether the Host header of a request names this machine by a name that nobody
// else's DNS can give it: a page that makes its own name lead here (DNS rebinding)
// is refused.  localhost and literal loopback addresses always; where the network is
// served also any literal address and `host_name`.
bool is_own_host(std::string_view header, const Address&, std::string_view host_name);

}  // namespace extfarm::live_page
