// Why two files that should be alike are not: finds the bytes that a compiler
// or an archiver takes from the clock or from chance, by their format.  A cause
// is named only when it covers every byte that differs.  Touches no file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace extfarm::verification {

// When a build ran, in seconds since 1970.
struct Period {
  std::int64_t began = 0, ended = 0;
};

struct Evidence {
  Period plain, farmed;
  // The stamps of each .gcno file that both builds wrote, the plain build's first.
  std::vector<std::pair<std::string, std::string>> coverage_stamps;
};

struct Explanation {
  std::vector<std::string> causes;    // sorted; empty: unexplained
  std::uint64_t first_unexplained = 0;  // offset, when unexplained
  bool follows_only = false;  // a build-id alone: it follows from the content, so something else has to differ
};

Explanation explain_bytes(const std::string& path, std::string_view plain, std::string_view farmed, const Evidence&);

// The stamp in a .gcno file; empty when it is none.
std::string coverage_stamp(std::string_view gcno);

// A part of a file that comes from the clock or from chance.
struct Span {
  std::uint64_t offset = 0, size = 0;
  const char* cause = "";
  auto operator<=>(const Span&) const = default;
};
// The format's own stamps: gzip, zip, ar, tar, .pyc, build-ids, LTO section names.
std::vector<Span> format_spans(const std::string& path, std::string_view bytes);
// Dates and times of day, as text, that lie within the period (here or in UTC).
std::vector<Span> clock_spans(std::string_view bytes, const Period&);

extern const char* const kBuildId;

}  // namespace extfarm::verification
