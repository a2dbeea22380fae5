// What the worker adds to a command line so that it tells what it read.  The
// additions change no byte of the outputs; and how that list is read.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/compiler/command_line.h"
#include "common/model/action.h"
#include "common/system/filesystem.h"
#include "worker/execution/output_collection.h"

namespace extfarm {

enum class DependencySource {
  kNone,          // only the declared inputs are known
  kAddedDepfile,  // at `depfile`, in the attempt's scratch
  kOwnDepfile,    // the command's own, at `depfile` in its working folder; it may lie elsewhere
  kLines,         // EXTFARM_DEPFILE: one path a line; after a "!" one that was looked for in vain
};

struct PreparedCommand {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;
  DependencySource dependency_source = DependencySource::kNone;
  std::string depfile;
  std::string assembler_depfile;  // what .incbin and .include read; absent when no assembler ran
  bool assembles_unlisted = false;  // an assembler runs, and does not tell what those read
  // argv of a second run, after the command, that prints all headers: where
  // the command's own list leaves some out, or there is none.
  std::vector<std::string> listing_argv;
  bool listing_is_needed = false;  // else only when the command's own list cannot be found
  bool makes_modules = false;      // Fortran's, which its compiler leaves alone where they would not change
};

// `temporary` is the attempt's own folder for TMPDIR and dependency files;
// `program` the resolved compiler.  The action's response files are expanded.
PreparedCommand prepare_command(const Action&, const std::string& program, const std::string& temporary);

// Absolute paths.
struct ListedInputs {
  std::set<std::string> read;
  std::set<std::string> missed;  // looked for in vain
};

// All that the command read and that matters: its declared inputs and what it
// listed, whether in scratch, among its `outputs`, or printed by the listing run.
// Errors: kIo when its list cannot be read, kRefused when there is none, for then its inputs would go uncompared.
Result<ListedInputs> list_inputs(const Action&, const PreparedCommand&, const std::vector<CollectedOutput>& outputs,
                                 const std::optional<std::string>& listing, const Filesystem&);

// The modules that the list names as made, absolute.  Errors: as list_inputs().
Result<std::vector<std::string>> list_modules(const Action&, const PreparedCommand&,
                                              const std::vector<CollectedOutput>& outputs,
                                              const std::optional<std::string>& listing, const Filesystem&);

// Whether what the command itself tells is all that it read, and is where it was expected.
bool has_own_list(const Action&, const PreparedCommand&, const std::vector<CollectedOutput>& outputs,
                  const Filesystem&);

}  // namespace extfarm
