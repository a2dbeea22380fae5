// Words in a compiler's command line, looked for and added.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace extfarm {

// In front: behind the last input some words would change what drivers say, and the user's own come later and win.
inline void add_options(std::vector<std::string>& argv, const std::vector<std::string>& words) {
  argv.insert(argv.begin() + 1, words.begin(), words.end());
}

inline bool has_word(const std::vector<std::string>& argv, std::string_view start) {
  return std::any_of(argv.begin() + 1, argv.end(), [&](const std::string& word) { return word.starts_with(start); });
}

}  // namespace extfarm
