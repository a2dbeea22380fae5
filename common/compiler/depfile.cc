#include "common/compiler/depfile.h"

#include <filesystem>
#include <unordered_set>

namespace extfarm {
namespace {

// One word of a Makefile rule from `at` on; leaves `at` behind it.
std::string read_word(std::string_view text, std::size_t& at) {
  std::string word;
  while (at < text.size()) {
    const char c = text[at];
    const char next = at + 1 < text.size() ? text[at + 1] : '\0';
    if (c == '\\' && (next == ' ' || next == '#' || next == ':' || next == '\\')) {
      // "\\" before a blank is an escaped blank behind a backslash; elsewhere it is two characters.
      word += next;
      at += 2;
    } else if (c == '$' && next == '$') {
      word += '$';
      at += 2;
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' ||
               (c == '\\' && (next == '\n' || next == '\r'))) {
      break;
    } else {
      word += c;
      ++at;
    }
  }
  return word;
}

bool skip_blanks(std::string_view text, std::size_t& at, int& line) {  // true when the rule's line ended
  while (at < text.size()) {
    const char c = text[at];
    if (c == '\\' && at + 1 < text.size() && (text[at + 1] == '\n' || text[at + 1] == '\r')) {
      at += text[at + 1] == '\r' && at + 2 < text.size() && text[at + 2] == '\n' ? 3 : 2;
      ++line;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++at;
    } else if (c == '\n') {
      ++at;
      ++line;
      return true;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

Result<std::vector<std::string>> parse_depfile(std::string_view text, const std::string& cwd) {
  std::vector<std::string> out;
  std::unordered_set<std::string> seen;
  std::size_t at = 0;
  int line = 1;
  bool behind_colon = false;
  while (at < text.size()) {
    if (skip_blanks(text, at, line)) {
      behind_colon = false;
      continue;
    }
    const std::size_t start = at;
    std::string word = read_word(text, at);
    if (at == start)
      return failure(ErrorCode::kMalformed,
                     "a dependency file, line " + std::to_string(line) + ": cannot read it");
    if (!behind_colon) {
      if (word.ends_with(':')) behind_colon = true;
      continue;
    }
    if (word.empty()) continue;
    auto path = std::filesystem::path(word);
    if (path.is_relative()) path = std::filesystem::path(cwd) / path;
    std::string absolute = path.lexically_normal().string();
    if (seen.insert(absolute).second) out.push_back(std::move(absolute));
  }
  return out;
}

}  // namespace extfarm
