// What a tool really is: the files that run when its driver is called.
#pragma once

#include <string>
#include <vector>

#include "common/base/digest.h"

namespace extfarm {

// What to probe.  `driver` is an absolute path.  For a compiler driver the
// components are found by asking it; `extra_paths` (files, or folders hashed
// whole: the Cython package) are what it cannot tell.  The word "-march=native"
// among them stands for what the driver makes of this host's processor.
struct ToolchainSpec {
  std::string driver;
  std::vector<std::string> extra_paths;
  auto operator<=>(const ToolchainSpec&) const = default;
};

struct ToolchainComponent {
  std::string name;  // "driver", "cc1", "as", "Cython", …
  std::string path;  // resolved
  Digest digest;
  auto operator<=>(const ToolchainComponent&) const = default;
};

// `digest` covers name and digest of every component; equal digests mean that
// the same bytes run.
struct Toolchain {
  ToolchainSpec spec;
  Digest digest;
  std::vector<ToolchainComponent> components;
};

}  // namespace extfarm
