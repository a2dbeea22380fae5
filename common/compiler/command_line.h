// What a compiler command line means: pure reading of argv, no file is opened.
#pragma once

#include <string>
#include <vector>

#include "common/model/action.h"

namespace extfarm {

enum class DependencyStyle { kNone, kMakefileAllHeaders /*-MD*/, kMakefileUserHeaders /*-MMD*/, kThroughPreprocessor /*-Wp,-MD,f*/ };

// Whether a source is in Fortran, and whether all of those are preprocessed.
enum class Fortran { kNone, kPlain, kPreprocessed };

struct CommandReading {
  ActionKind kind = ActionKind::kOther;
  bool must_run_locally = false;
  std::string local_reason;              // "reads stdin", "preprocesses only", …
  std::vector<std::string> sources;      // as written
  std::vector<std::string> outputs;      // as written or as the driver derives them; main output first
  DependencyStyle dependency_style = DependencyStyle::kNone;
  std::string depfile;                   // as written or derived; empty when none
  bool is_tuned_to_processor = false;    // -march=native and the like
  Fortran fortran = Fortran::kNone;
};

// Response files are to be expanded before (response_file.h).  `argv[0]` decides
// the family by its base name (gcc, g++, clang, gfortran, cc, c++,
// x86_64-linux-gnu-gcc-12, ar, …).  `kind` is kOther for anything else.
CommandReading read_command_line(const std::vector<std::string>& argv);

}  // namespace extfarm
