// A C or C++ source by its text alone: what it defines as macros, and its code.
#pragma once

#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace extfarm {

struct Macro {
  std::string name, body;
};

struct SourceParts {
  std::vector<Macro> macros;  // in their order; a name may come again, for conditions are not evaluated
  std::string code;           // a line each, without directives, comments and strings
};

SourceParts parts_of(std::string_view source);

inline bool may_begin_name(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
inline bool may_be_in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// f(std::string_view) for each name in `text`, in its order.
template <class F>
void for_each_name(std::string_view text, F&& f) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t begin = i;
    while (i < text.size() && may_be_in_name(text[i])) ++i;
    if (i == begin)
      ++i;
    else if (may_begin_name(text[begin]))
      f(text.substr(begin, i - begin));
  }
}

}  // namespace extfarm
