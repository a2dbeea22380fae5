#include "coordinator/farm/source_parts.h"

#include <algorithm>

namespace extfarm {
namespace {

// The end of the string or character that begins at `i`, or of its line.
std::size_t end_of_quoted(std::string_view text, std::size_t i) {
  const char quote = text[i++];
  for (; i < text.size() && text[i] != quote && text[i] != '\n'; ++i) {
    if (text[i] == '\\') ++i;
  }
  return std::min(text.size(), i < text.size() && text[i] == '\n' ? i : i + 1);
}

// f(std::string_view) for each line; one that ends with a backslash goes on in the next.
template <class F>
void for_each_line(std::string_view text, F&& f) {
  std::string line;
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view two = text.substr(i, 2);
    if (two == "\\\n") {
      i += 2;
    } else if (two == "//") {
      i = std::min(text.size(), text.find('\n', i));
    } else if (two == "/*") {
      const auto end = text.find("*/", i + 2);
      i = end == std::string_view::npos ? text.size() : end + 2;
      line += ' ';
    } else if (text[i] == '"' || text[i] == '\'') {
      i = end_of_quoted(text, i);
      line += ' ';
    } else if (text[i] == '\n') {
      f(std::string_view(line));
      line.clear();
      ++i;
    } else {
      line += text[i++];
    }
  }
  f(std::string_view(line));
}

std::string_view without_blanks_before(std::string_view text) {
  return text.substr(std::min(text.size(), text.find_first_not_of(" \t")));
}

// From "NAME(PARAMETERS) BODY".
Macro macro_in(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && may_be_in_name(text[end])) ++end;
  Macro out;
  out.name = text.substr(0, end);
  if (end < text.size() && text[end] == '(') end = std::min(text.size() - 1, text.find(')', end)) + 1;
  out.body = without_blanks_before(text.substr(end));
  return out;
}

}  // namespace

SourceParts parts_of(std::string_view source) {
  constexpr std::string_view kDefine = "define";
  SourceParts out;
  for_each_line(source, [&](std::string_view line) {
    std::string_view rest = without_blanks_before(line);
    if (!rest.starts_with('#')) {
      out.code.append(line).append("\n");
      return;
    }
    rest = without_blanks_before(rest.substr(1));
    if (!rest.starts_with(kDefine)) return;
    if (auto macro = macro_in(without_blanks_before(rest.substr(kDefine.size()))); !macro.name.empty())
      out.macros.push_back(std::move(macro));
  });
  return out;
}

}  // namespace extfarm
