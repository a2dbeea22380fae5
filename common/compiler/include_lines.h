// Which names a source looks up: its #include and __has_include lines, read as
// text.  Conditions are not evaluated, nor are comments and strings told from
// code, so a name may be listed that is never looked up, but none is left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace extfarm {

struct IncludeLine {
  std::string name;        // as written between the quotes or brackets
  bool is_quoted = false;  // looked up beside the including file first
  bool is_question = false;  // __has_include, also through a macro
};

struct IncludeLines {
  std::vector<IncludeLine> lines;
  bool has_computed = false;           // #include MACRO: any name may be meant
  bool has_computed_question = false;  // __has_include(MACRO): any that a macro stands for
  std::vector<IncludeLine> defined;    // what macros of this file stand for, as questions
};

IncludeLines read_include_lines(std::string_view source);
// What the macros of a command line stand for: -DNAME=<x.h>, -D NAME="x.h".
std::vector<IncludeLine> defined_names(const std::vector<std::string>& argv);
// Whether headers may be included that no file names: -include, -imacros, or a
// response file or words for the preprocessor, which may say that.
bool includes_by_option(const std::vector<std::string>& argv);

}  // namespace extfarm
