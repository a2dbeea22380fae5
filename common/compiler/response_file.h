// Response files: `@file` among the words of a command line stands for the
// words in that file, as gcc, clang and binutils read them.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/system/filesystem.h"

namespace extfarm {

struct ExpandedCommand {
  std::vector<std::string> argv;
  std::vector<std::string> files;  // absolute; every response file that was read, each once
};

// Every `@file` behind argv[0] replaced by what it says, also inside response
// files; a folder and a name that cannot be read stay as they are, as in the
// drivers.  Relative names count from `cwd`.  Errors: kInvalid when they refer
// to each other without end or say more than a command line can hold, when one
// is a device or a pipe (which is not opened) or has a NUL byte in it.
Result<ExpandedCommand> expand_response_files(const std::vector<std::string>& argv, const std::string& cwd,
                                              const Filesystem& filesystem);

// The words of a response file: blanks separate them, quotes of both kinds
// keep blanks, a backslash takes the next character as it is, also in quotes.
std::vector<std::string> words_of_response_file(const std::string& text);

}  // namespace extfarm
