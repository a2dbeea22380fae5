// Where a compile looks for headers and a link for libraries, in order: the
// command line's own folders, then those of the driver, which is asked.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

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

 private:
  const std::vector<std::string>& built_in(const Action&, const std::vector<std::string>& deciding_options,
                                           const std::string& language);

  ProcessRunner& runner_;
  std::unordered_map<std::string, std::vector<std::string>> built_in_;
};

// The folders between "search starts here" and "End of search list" of `cc -E -v`.
std::vector<std::string> parse_search_list(const std::string& stderr_of_driver);

}  // namespace extfarm
