// Where a compile looks for headers and a link for libraries, in order: the
// command line's own folders, then those of the driver, which is asked.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/compiler/driver_answers.h"
#include "common/model/action.h"
#include "common/process/process_runner.h"

namespace extfarm {

class SearchFolderProbe {
 public:
  explicit SearchFolderProbe(ProcessRunner& runner) : runner_(runner) {}
  // Absolute folders in search order, also those that do not exist.  Empty for
  // an action that searches nothing known.  The folders of including files,
  // which a quoted name is looked up in first, are not among them.
  std::vector<std::string> folders_of(const Action&);

  // What drivers answered: bytes for restore() in a later process.  Empty when nothing was asked since restore().
  std::string take_answers();
  // Bytes that cannot be read are no error: the drivers are asked.
  void restore(std::string_view bytes);

 private:
  const DriverAnswers& built_in(const Action&, const std::vector<std::string>& deciding_options,
                                const std::string& language);

  ProcessRunner& runner_;
  std::unordered_map<std::string, DriverAnswers> built_in_;  // by command, environment and toolchain
  bool has_asked_ = false;
};

// Those that its words name for the project's own headers (-iquote, -I), absolute, in search order.
std::vector<std::string> own_include_folders(const Action&);
// All that its words name for headers, likewise.
std::vector<std::string> named_include_folders(const Action&);
// The folders between "search starts here" and "End of search list" of `cc -E -v`.
std::vector<std::string> parse_search_list(const std::string& stderr_of_driver);
// Those that it would search if they were there.
std::vector<std::string> parse_missing_folders(const std::string& stderr_of_driver);

}  // namespace extfarm
