// What a worker loads into its compilers: only what lies below the folders
// that its owner named (--trust).  Coordinators have no say in it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/model/action.h"
#include "common/system/filesystem.h"

namespace extfarm {

// Why `argv` is not run: it loads code from elsewhere (-fplugin, -specs, -B,
// …).  nullopt when it does not.  Response files must be expanded before;
// `program` is the resolved argv[0].
std::optional<std::string> untrusted_code(const std::vector<std::string>& argv, const std::string& program,
                                          const std::string& cwd, const std::vector<std::string>& trusted_prefixes);

// A compiler looks for its assembler and linker on the PATH.  Takes the folders
// that are not trusted out of it; a reason when one of them has such a program,
// for then the command means that one.
std::optional<std::string> restrict_search_path(std::vector<std::pair<std::string, std::string>>& environment,
                                                const std::vector<std::string>& trusted_prefixes);

// Makes the action one whose words are all known here: its response files are
// replaced by what they say now, its PATH is restricted.  A reason when it is
// not to be run at all.  `only_compilers`: what is no compiler, linker or archiver by its own name is not.
std::optional<std::string> make_trustworthy(Action&, const std::string& program,
                                            const std::vector<std::string>& trusted_prefixes, bool only_compilers,
                                            const Filesystem&);

// Whether nobody but the machine's owner can change what `path` leads to: each of its
// folders is trusted or on the way to one that is.  Others could exchange a link or
// a folder between the look and the run.
bool is_out_of_reach(const std::string& path, const std::vector<std::string>& trusted_prefixes);

// The same file under a name that is out of reach: `path` itself where it is, so
// that a program sees the name it was called by.  nullopt when it is not trusted.
std::optional<std::string> trusted_name(const std::string& path, const std::vector<std::string>& trusted_prefixes);

// Whether the resolved `path` lies below one of the folders.
bool lies_below_any(const std::string& path, const std::vector<std::string>& folders);

}  // namespace extfarm
