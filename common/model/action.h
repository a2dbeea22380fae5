// One command with its inputs and outputs: a plain value.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/digest.h"
#include "common/base/strong_id.h"
#include "common/model/toolchain.h"

namespace extfarm {

enum class ActionKind : std::uint8_t { kCythonize, kCompile, kLink, kArchive, kOther };

// An input that another action of this build made: the worker must see exactly
// these bytes before it starts.
struct PinnedInput {
  std::string path;
  Digest digest;
  auto operator<=>(const PinnedInput&) const = default;
};

struct Action {
  ActionId id;
  ActionKind kind = ActionKind::kOther;
  std::string group;              // the extension it belongs to
  std::vector<std::string> argv;  // as the user's build would run it; argv[0] as written
  std::string program;            // argv[0] resolved to an absolute path on the submitting host
  std::vector<std::pair<std::string, std::string>> environment;  // what matters, sorted by name
  std::string cwd;                // absolute
  std::string stdin_bytes;        // fed to the command; empty: /dev/null
  std::vector<std::string> inputs;      // absolute; those known beforehand
  std::vector<std::string> outputs;     // absolute; those known beforehand
  std::vector<std::string> view_roots;  // absolute folders the command may write below
  std::vector<PinnedInput> pinned;
  std::vector<std::string> changed;  // inputs of the last result that are other ones now
  ToolchainSpec toolchain;
  Digest toolchain_digest;
};

// "cythonize", "compile", "link", "archive", "other".
inline const char* name_of(ActionKind kind) {
  switch (kind) {
    case ActionKind::kCythonize: return "cythonize";
    case ActionKind::kCompile: return "compile";
    case ActionKind::kLink: return "link";
    case ActionKind::kArchive: return "archive";
    case ActionKind::kOther: break;
  }
  return "other";
}

}  // namespace extfarm
