// What the worker adds to a command line so that it tells what it read.  The
// additions change no byte of the outputs; and how that list is read.
#pragma once

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
  kOwnDepfile,    // the command's own, at `depfile` in its working folder
  kLines,         // EXTFARM_DEPFILE: one path a line; after a "!" one that was looked for in vain
};

struct PreparedCommand {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;
  DependencySource dependency_source = DependencySource::kNone;
  std::string depfile;
  // After the command: argv of a second run that lists all headers (-MMD leaves out the system's).
  std::vector<std::string> listing_argv;
};

// `temporary` is the attempt's own folder for TMPDIR and dependency files.
PreparedCommand prepare_command(const Action&, const std::string& temporary);

// Absolute paths.
struct ListedInputs {
  std::set<std::string> read;
  std::set<std::string> missed;  // looked for in vain
};

// All that the command read and that matters: its declared inputs and what it
// listed, whether in scratch or among its `outputs`.
// Errors: kIo when its list cannot be read, for then its inputs would go uncompared.
Result<ListedInputs> list_inputs(const Action&, const PreparedCommand&, const std::vector<CollectedOutput>& outputs, const Filesystem&);

}  // namespace extfarm
