// The files in page/, as parts of the program; see cmake/rooms.cmake.
#pragma once

#include <string_view>

namespace extfarm::embedded {

extern const std::string_view kLiveHtml, kLiveCss, kLiveJs;

}  // namespace extfarm::embedded
