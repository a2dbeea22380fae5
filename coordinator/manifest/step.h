// One command of a build graph that was read from a file: a plain value.  Knows
// no JSON and opens no file.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/action.h"
#include "coordinator/manifest/record_place.h"

namespace extfarm::manifest {

using Environment = std::map<std::string, std::string>;

struct Step {
  std::string id;          // empty when the file gives none
  RecordPlace place;       // in the file
  ActionKind kind = ActionKind::kOther;
  bool has_kind = false;  // false: to be found from the command line
  std::string group;
  std::vector<std::string> argv;  // never empty, nor is argv[0]
  std::string cwd;                // absolute and normal
  std::string stdin_bytes;
  std::vector<std::string> inputs, outputs;  // absolute and normal; those that the file names
  std::vector<std::string> after;            // ids
  Environment environment;                   // added to the build's
  bool is_default = true;                    // false: run only where it is asked for or needed
};

// What holds for all steps.
struct Header {
  std::string cwd;               // absolute and normal
  bool has_environment = false;  // true: `environment` replaces the caller's
  Environment environment;
};

// Called for each step in file order; its first error ends the reading and is
// returned as it is.
using TakeStep = std::function<Result<void>(const Header&, Step&&)>;

// `path` as seen from `folder` (absolute, normal), without ".", ".." and
// trailing slashes.  Symlinks are not resolved.
std::string absolute_normal(std::string_view path, std::string_view folder);

// The folder that relative paths in the file start from: the file's own, or the
// current one when `path` is no regular file (a pipe) or standard input.
Result<std::string> folder_of(const std::string& path);

}  // namespace extfarm::manifest
