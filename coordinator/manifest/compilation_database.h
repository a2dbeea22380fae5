// clang's compilation database (compile_commands.json): reads it and writes it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "coordinator/manifest/byte_source.h"
#include "coordinator/manifest/step.h"

namespace extfarm::manifest {

// Each entry is a step without id and kind: its "file" is the input, its
// "output", where it has one, the output; others are found from the command
// line by the caller.  "arguments" goes before "command"; keys that the format
// does not have are ignored, because other programs write this file.
// Errors: as read_manifest.
Result<void> read_compilation_database(const std::string& path, const TakeStep& take);

// One entry of it again, alone.
Result<Step> read_compilation_database_step(ByteSource&, const Header&, const RecordPlace&);

struct CompilationEntry {
  std::string cwd;  // absolute
  std::vector<std::string> argv;
  std::string source, output;  // absolute and normal
};

// Entries that are made when they are needed.
struct CompilationEntries {
  struct Names {
    std::string_view output, source;  // absolute and normal
  };
  std::size_t count = 0;
  std::function<Names(std::size_t)> names;
  std::function<Result<CompilationEntry>(std::size_t)> entry;
};

// The entry as it stands in the file; empty for one that JSON cannot hold: no
// tool could find its files if its folder, source or output is no UTF-8; in
// other arguments such bytes become U+FFFD.
std::string compilation_line(const CompilationEntry&);

// The lines of the whole file in the order in which they stand there: by
// output, then by source; of entries with the same two the last.  Errors: those
// of `entries.entry`.
Result<void> for_each_compilation_line(const CompilationEntries& entries,
                                       const std::function<void(const std::string&)>& take);

}  // namespace extfarm::manifest
