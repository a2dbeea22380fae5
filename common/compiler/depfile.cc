// Splits make rules: continuation lines, "\ " and "\#" escapes, "$$".
#include "common/compiler/depfile.h"

#include <algorithm>
#include <filesystem>
#include <unordered_set>

namespace extfarm {
namespace {

bool is_line_end(std::string_view text, std::size_t i) {
  return text[i] == '\n' || (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n');
}

// One word from `i`, which stands on its first character; stops before a blank,
// a line end, a continuation, or (in a target) the colon that ends the targets.
std::string read_word(std::string_view text, std::size_t& i, bool in_target) {
  std::string word;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ' ' || c == '\t' || is_line_end(text, i)) break;
    if (c == '\\' && i + 1 < text.size()) {
      const char next = text[i + 1];
      if (is_line_end(text, i + 1)) break;
      if (next == ' ' || next == '\t' || next == '#' || (in_target && next == ':')) {
        word += next;
        ++i;
        continue;
      }
    }
    if (c == '$' && i + 1 < text.size() && text[i + 1] == '$') ++i;
    if (in_target && c == ':') {
      const bool ends_targets = i + 1 >= text.size() || text[i + 1] == ' ' || text[i + 1] == '\t' ||
                                is_line_end(text, i + 1) || (text[i + 1] == '\\' && i + 2 < text.size() && is_line_end(text, i + 2));
      if (ends_targets) break;
    }
    word += c;
  }
  return word;
}

// Either the targets or the prerequisites, of which empty rules (-MP) have none.
Result<std::vector<std::string>> parse(std::string_view text, const std::string& cwd, bool wants_targets) {
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(nul), '\n');
    return failure(ErrorCode::kMalformed, "depfile line " + std::to_string(line) + ": a NUL byte");
  }
  std::vector<std::string> out;
  std::unordered_set<std::string> seen;
  bool in_target = true, has_target = false;
  std::size_t line = 1, rule_line = 1;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size() && is_line_end(text, i + 1)) {
      i += text[i + 1] == '\r' ? 3 : 2;
      ++line;
    } else if (is_line_end(text, i)) {
      if (in_target && has_target)
        return failure(ErrorCode::kMalformed, "depfile line " + std::to_string(rule_line) + ": a rule without ':'");
      i += c == '\r' ? 2 : 1;
      ++line;
      in_target = true;
      has_target = false;
    } else if (c == ' ' || c == '\t') {
      ++i;
    } else if (c == '#' && in_target && !has_target) {
      while (i < text.size() && text[i] != '\n') ++i;
    } else if (in_target && c == ':') {
      if (!has_target)
        return failure(ErrorCode::kMalformed, "depfile line " + std::to_string(line) + ": ':' without a target");
      in_target = false;
      ++i;
    } else {
      if (!has_target) rule_line = line;
      auto word = read_word(text, i, in_target);
      has_target = has_target || in_target;
      if (in_target != wants_targets) continue;
      const std::filesystem::path path(word);
      auto absolute = (path.is_absolute() ? path : std::filesystem::path(cwd) / path).lexically_normal().string();
      if (seen.insert(absolute).second) out.push_back(std::move(absolute));
    }
  }
  if (in_target && has_target)
    return failure(ErrorCode::kMalformed, "depfile line " + std::to_string(rule_line) + ": a rule without ':'");
  return out;
}

}  // namespace

Result<std::vector<std::string>> parse_depfile(std::string_view text, const std::string& cwd) {
  return parse(text, cwd, false);
}

Result<std::vector<std::string>> parse_depfile_targets(std::string_view text, const std::string& cwd) {
  return parse(text, cwd, true);
}

}  // namespace extfarm
