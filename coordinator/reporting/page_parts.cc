#include "coordinator/reporting/page_parts.h"

#include <nlohmann/json.hpp>
#include <ostream>

#include "common/base/check.h"

namespace extfarm::reporting {
namespace {

std::string as_utf8(const std::string& text) {
  using nlohmann::json;
  return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
}

}  // namespace

void write_page(std::string_view page, const PageParts& parts, std::ostream& out) {
  for (std::size_t at = 0; at < page.size();) {
    const auto open = page.find("{{", at);
    out << page.substr(at, open - at);
    if (open == std::string_view::npos) return;
    const auto close = page.find("}}", open);
    FARM_CHECK(close != std::string_view::npos);
    const auto part = parts.find(page.substr(open + 2, close - open - 2));
    FARM_CHECK(part != parts.end());
    part->second(out);
    at = close + 2;
  }
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : as_utf8(text)) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string safe_in_script(const std::string& json) {
  std::string out;
  for (const char c : json) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

}  // namespace extfarm::reporting
