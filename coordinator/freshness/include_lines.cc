#include "coordinator/freshness/include_lines.h"

namespace extfarm::freshness {
namespace {

void skip_blanks(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

// "name" or <name> at the start of `text`.
bool read_name(std::string_view text, IncludeLine& out) {
  skip_blanks(text);
  if (text.empty() || (text.front() != '"' && text.front() != '<')) return false;
  out.is_quoted = text.front() == '"';
  text.remove_prefix(1);
  const auto end = text.find(out.is_quoted ? '"' : '>');
  if (end == std::string_view::npos) return false;
  out.name = std::string(text.substr(0, end));
  return true;
}

void read_questions(std::string_view line, IncludeLines& out) {
  constexpr std::string_view kQuestion = "__has_include";
  for (auto at = line.find(kQuestion); at != std::string_view::npos; at = line.find(kQuestion)) {
    line.remove_prefix(at + kQuestion.size());
    take(line, "_next");
    skip_blanks(line);
    IncludeLine asked;
    asked.is_question = true;
    if (take(line, "(") && read_name(line, asked)) out.lines.push_back(asked);
  }
}

}  // namespace

IncludeLines read_include_lines(std::string_view source) {
  IncludeLines out;
  while (!source.empty()) {
    const auto end = source.find('\n');
    std::string_view line = source.substr(0, end);
    source.remove_prefix(end == std::string_view::npos ? source.size() : end + 1);
    skip_blanks(line);
    if (!take(line, "#")) continue;
    skip_blanks(line);
    if (line.starts_with("if") || line.starts_with("elif")) {
      read_questions(line, out);
    } else if (take(line, "include") || take(line, "import")) {
      take(line, "_next");
      IncludeLine included;
      if (read_name(line, included))
        out.lines.push_back(included);
      else
        out.has_computed = true;
    }
  }
  return out;
}

}  // namespace extfarm::freshness
