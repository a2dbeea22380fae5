// The progress of a build as text.  Pure: state in, string out.
#pragma once

#include <cstdint>
#include <string>

#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {

struct ProgressState {
  std::uint64_t done = 0, total = 0, running = 0;
  std::string longest_title;
  double longest_seconds = 0;
};

// One line of at most `width` columns, without a newline.
std::string progress_line(const ProgressState&, std::size_t width);
// "[12/48] compile Cython/Plex/Scanners.c 1.2 s lab01"
std::string plain_line(const LoggedAttempt&, std::uint64_t done, std::uint64_t total);

}  // namespace extfarm::reporting
