#include "coordinator/manifest/shell_words.h"

#include <algorithm>

#include "coordinator/manifest/wording.h"

namespace extfarm::manifest {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_name_character(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

class Splitter {
 public:
  explicit Splitter(std::string_view command) : command_(command) {}

  Result<std::vector<std::string>> split() {
    while (at_ < command_.size()) {
      const auto step = one();
      if (!step) return tl::unexpected(step.error());
    }
    end_word();
    return std::move(words_);
  }

 private:
  Result<void> one() {
    const char c = command_[at_];
    if (is_blank(c)) {
      end_word();
      ++at_;
      return {};
    }
    if (c == '\'') return single_quoted();
    if (c == '"') return double_quoted();
    if (c == '\\') return escaped();
    if (needs_shell(c)) return refuse(at_);
    in_word_ = true;
    word_ += c;
    ++at_;
    return {};
  }

  bool needs_shell(char c) const {
    using namespace std::string_view_literals;
    if ("|&;<>()$`*?[\n\0"sv.find(c) != std::string_view::npos) return true;
    if (c == '#' || c == '~') return !in_word_;
    if (c != '=' || !words_.empty() || word_.empty() || quoted_) return false;
    return !(word_[0] >= '0' && word_[0] <= '9') &&
           std::all_of(word_.begin(), word_.end(), is_name_character);
  }

  Result<void> single_quoted() {
    const auto end = command_.find('\'', at_ + 1);
    if (end == std::string_view::npos) return unfinished("the quote");
    word_ += command_.substr(at_ + 1, end - at_ - 1);
    in_word_ = quoted_ = true;
    at_ = end + 1;
    return {};
  }

  Result<void> double_quoted() {
    in_word_ = quoted_ = true;
    for (auto i = at_ + 1; i < command_.size(); ++i) {
      const char c = command_[i];
      if (c == '"') {
        at_ = i + 1;
        return {};
      }
      if (c == '$' || c == '`') return refuse(i);
      if (c != '\\' || i + 1 == command_.size()) {
        word_ += c;
        continue;
      }
      const char next = command_[++i];
      if (next == '\n') continue;
      if (next != '$' && next != '`' && next != '"' && next != '\\') word_ += c;
      word_ += next;
    }
    return unfinished("the quote");
  }

  Result<void> escaped() {
    if (at_ + 1 == command_.size()) return unfinished("the backslash");
    const char next = command_[at_ + 1];
    at_ += 2;
    if (next == '\n') return {};
    in_word_ = quoted_ = true;
    word_ += next;
    return {};
  }

  void end_word() {
    if (in_word_) words_.push_back(std::move(word_));
    word_.clear();
    in_word_ = quoted_ = false;
  }

  Result<void> refuse(std::size_t where) const {
    return failure(
        ErrorCode::kMalformed,
        "character " + std::to_string(where + 1) + ", " + in_quotes(command_.substr(where, 1)) +
            ", would need a shell; quote it if it is meant as it stands, else run the command through sh -c");
  }
  Result<void> unfinished(const char* what) const {
    return failure(ErrorCode::kMalformed, std::string(what) + " at character " + std::to_string(at_ + 1) +
                                              " is never closed; close it or quote it");
  }

  std::string_view command_;
  std::size_t at_ = 0;
  std::vector<std::string> words_;
  std::string word_;
  bool in_word_ = false, quoted_ = false;  // quoted: in part at least
};

}  // namespace

Result<std::vector<std::string>> split_command(std::string_view command) {
  // A newline at the end ends the command and no more.
  while (command.ends_with('\n') && !command.ends_with("\\\n")) command.remove_suffix(1);
  return Splitter(command).split();
}

}  // namespace extfarm::manifest
