// Which names a source looks up: its #include and __has_include lines, read as
// text.  Conditions are not evaluated, so a name may be listed that is never
// looked up, but none is left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace extfarm::freshness {

struct IncludeLine {
  std::string name;        // as written between the quotes or brackets
  bool is_quoted = false;  // looked up beside the including file first
  bool is_question = false;  // __has_include
};

struct IncludeLines {
  std::vector<IncludeLine> lines;
  bool has_computed = false;  // #include MACRO: any name may be meant
};

IncludeLines read_include_lines(std::string_view source);

}  // namespace extfarm::freshness
