// The fixed parts of pages, which lie as HTML, CSS and JavaScript in a room's
// page/ and are a part of the program, and what is filled into them.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>

namespace extfarm::embedded {

// cmake/rooms.cmake makes one of each file in coordinator/reporting/page.
extern const std::string_view kReportHtml, kReportCss, kReportJs, kTimelineJs, kTimelineInputJs, kPageCss, kPageJs;

}  // namespace extfarm::embedded

namespace extfarm::reporting {

// Puts the page on the stream, and in place of each {{name}} what the part of
// that name puts there.  A name without a part is a broken invariant.
using PageParts = std::map<std::string_view, std::function<void(std::ostream&)>>;
void write_page(std::string_view page, const PageParts& parts, std::ostream& out);

// For element content and quoted attributes.  Bytes that are not UTF-8 become U+FFFD.
std::string escaped(const std::string& text);

// JSON for a script element: "<" never appears, so that no name can end the
// element or open a comment in it; JSON reads it back all the same.
std::string safe_in_script(const std::string& json);

}  // namespace extfarm::reporting
