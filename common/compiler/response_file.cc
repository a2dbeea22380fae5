#include "common/compiler/response_file.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

namespace extfarm {
namespace {

// libiberty gives up at the same number.
constexpr int kMostFiles = 2000;
// Less than Linux takes for argv and environment together (2 MiB with the usual stack limit).
constexpr std::size_t kMostBytes = 1536 << 10;
// Several times as much, for blanks and quotes; files that name each other are in memory at once.
constexpr std::uint64_t kMostBytesRead = 8 << 20;

class Expansion {
 public:
  Expansion(const std::string& cwd, const Filesystem& filesystem) : cwd_(cwd), filesystem_(filesystem) {}

  Result<void> keep(const std::string& word) {
    byte_count_ += word.size() + 1;
    if (byte_count_ > kMostBytes) return too_long();
    out_.argv.push_back(word);
    return {};
  }
  Result<void> add(const std::string& word) {
    if (word.size() < 2 || word[0] != '@') return keep(word);
    const std::string path = (std::filesystem::path(cwd_) / word.substr(1)).lexically_normal().string();
    const auto stamp = filesystem_.stat(path);
    if (!stamp || stamp->is_folder) return keep(word);
    if (!stamp->is_regular) return failure(ErrorCode::kInvalid, "its response file " + path + " is no regular file");
    if (stamp->size_bytes > kMostBytesRead - read_count_) return too_long();
    const auto text = filesystem_.read(path);
    if (!text) return keep(word);
    read_count_ += std::min<std::uint64_t>(text->size(), kMostBytesRead - read_count_);
    if (text->find('\0') != std::string::npos)
      return failure(ErrorCode::kInvalid, "its response file " + path + " has a NUL byte in it");
    if (++file_count_ > kMostFiles)
      return failure(ErrorCode::kInvalid, "its response file " + path + " leads back to itself");
    if (std::find(out_.files.begin(), out_.files.end(), path) == out_.files.end()) out_.files.push_back(path);
    for (const auto& nested : words_of_response_file(*text)) {
      if (auto added = add(nested); !added) return added;
    }
    return {};
  }
  ExpandedCommand take() { return std::move(out_); }

 private:
  static tl::unexpected<Error> too_long() {
    return failure(ErrorCode::kInvalid, "its response files say more than a command line can hold");
  }

  const std::string& cwd_;
  const Filesystem& filesystem_;
  ExpandedCommand out_;
  int file_count_ = 0;
  std::size_t byte_count_ = 0;
  std::uint64_t read_count_ = 0;
};

}  // namespace

std::vector<std::string> words_of_response_file(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool is_in_word = false, is_escaped = false;
  char quote = 0;
  for (const char c : text) {
    const bool is_blank = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (is_blank && quote == 0 && !is_escaped) {
      if (is_in_word) words.push_back(std::exchange(word, {}));
      is_in_word = false;
      continue;
    }
    is_in_word = true;
    if (is_escaped) {
      word += c;
      is_escaped = false;
    } else if (c == '\\') {
      is_escaped = true;
    } else if (quote != 0 ? c == quote : c == '\'' || c == '"') {
      quote = quote != 0 ? '\0' : c;
    } else {
      word += c;
    }
  }
  if (is_in_word) words.push_back(word);
  return words;
}

Result<ExpandedCommand> expand_response_files(const std::vector<std::string>& argv, const std::string& cwd,
                                              const Filesystem& filesystem) {
  Expansion expansion(cwd, filesystem);
  for (std::size_t i = 0; i < argv.size(); ++i) {
    if (auto added = i == 0 ? expansion.keep(argv[i]) : expansion.add(argv[i]); !added) return tl::unexpected(added.error());
  }
  return expansion.take();
}

}  // namespace extfarm
