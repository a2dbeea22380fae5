#include "common/compiler/include_lines.h"

#include <algorithm>
#include <cctype>

namespace extfarm {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v", kQuestion = "__has_include";

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

// Blanks and whole comments.
void skip_blanks(std::string_view& text) {
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    if (!text.starts_with("/*")) return;
    const auto end = text.find("*/", 2);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  }
}

bool take_hash(std::string_view& line) { return take(line, "#") || take(line, "%:") || take(line, "?\?="); }

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

// A name after a bracket: no other expression of an #if has one.
void read_questions(std::string_view line, IncludeLines& out) {
  for (auto at = line.find('('); at != std::string_view::npos; at = line.find('(', at + 1)) {
    IncludeLine asked;
    asked.is_question = true;
    if (read_name(line.substr(at + 1), asked)) out.lines.push_back(std::move(asked));
  }
  for (auto at = line.find(kQuestion); at != std::string_view::npos; at = line.find(kQuestion)) {
    line.remove_prefix(at + kQuestion.size());
    take(line, "_next");
    skip_blanks(line);
    IncludeLine asked;
    if (take(line, "(") && !read_name(line, asked)) out.has_computed_question = true;
  }
}

bool is_of_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

void read_definition(std::string_view line, IncludeLines& out) {
  skip_blanks(line);
  line.remove_prefix(static_cast<std::size_t>(std::find_if_not(line.begin(), line.end(), is_of_word) - line.begin()));
  if (line.find(kQuestion) != std::string_view::npos) out.has_computed_question = true;
  IncludeLine meant;
  meant.is_question = true;
  if (read_name(line, meant)) out.defined.push_back(std::move(meant));
}

void read_directive(std::string_view line, IncludeLines& out) {
  skip_blanks(line);
  if (line.starts_with("if") || line.starts_with("elif")) {
    read_questions(line, out);
  } else if (take(line, "define")) {
    read_definition(line, out);
  } else if (take(line, "include") || take(line, "import")) {
    take(line, "_next");
    IncludeLine included;
    if (read_name(line, included))
      out.lines.push_back(std::move(included));
    else
      out.has_computed = true;
  }
}

// The next line of `source`, which is cut off there.
std::string_view take_line(std::string_view& source) {
  const auto end = source.find('\n');
  std::string_view line = source.substr(0, end);
  source.remove_prefix(end == std::string_view::npos ? source.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Whether a directive begins in the line, also behind the ends of comments; cuts off what comes before it.
bool take_start(std::string_view& line) {
  for (;;) {
    skip_blanks(line);
    if (take_hash(line)) return true;
    const auto comment = line.find("*/");
    if (comment == std::string_view::npos) return false;
    line.remove_prefix(comment + 2);
  }
}

}  // namespace

IncludeLines read_include_lines(std::string_view source) {
  IncludeLines out;
  std::string joined;
  while (!source.empty()) {
    auto line = take_line(source);
    if (!take_start(line)) continue;
    if (line.ends_with('\\')) {
      joined = line;
      while (joined.ends_with('\\')) {
        joined.pop_back();
        if (source.empty()) break;
        joined += take_line(source);
      }
      line = joined;
    }
    read_directive(line, out);
  }
  return out;
}

std::vector<IncludeLine> defined_names(const std::vector<std::string>& argv) {
  IncludeLines out;
  for (std::string_view word : argv) {
    take(word, "-D");
    if (const auto equals = word.find('='); equals != std::string_view::npos) read_definition(word.substr(equals + 1), out);
  }
  return std::move(out.defined);
}

bool includes_by_option(const std::vector<std::string>& argv) {
  return std::any_of(argv.begin(), argv.end(), [](const std::string& word) {
    return word.starts_with("-include") || word.starts_with("-imacros") || word.starts_with("-Wp,-i") || word.starts_with('@');
  });
}

}  // namespace extfarm
