// clang's compilation database (compile_commands.json): reads it and writes it.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "coordinator/manifest/step.h"

namespace extfarm::manifest {

// Each entry is a step without id and kind: its "file" is the input, its
// "output", where it has one, the output; others are found from the command
// line by the caller.  "arguments" goes before "command"; keys that the format
// does not have are ignored, because other programs write this file.
// Errors: as read_manifest.
Result<void> read_compilation_database(const std::string& path, const TakeStep& take);

struct CompilationEntry {
  std::string cwd;  // absolute
  std::vector<std::string> argv;
  std::string source, output;  // absolute, or as seen from `cwd`
};

// The whole file: one entry a line, absolute paths, sorted by output, then by
// source; of entries with the same two the last stays.  JSON cannot hold bytes
// that are no UTF-8: an entry with such a folder, source or output is left out,
// because no tool could find its files; in other arguments they become U+FFFD.
std::string compilation_database(const std::vector<CompilationEntry>& entries);

}  // namespace extfarm::manifest
