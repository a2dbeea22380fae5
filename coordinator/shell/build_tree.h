// The tree a build runs in, and what is known of it: its lock, its records,
// digests.  Knows no worker.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/compiler/toolchain_probe.h"
#include "common/system/filesystem.h"
#include "coordinator/farm/build_memory.h"
#include "coordinator/shell/runtime_folder.h"
#include "coordinator/shell/terminal.h"
#include "coordinator/shell/tree_lock.h"

namespace extfarm {

class BuildTree {
 public:
  // Waits until no other build runs in `project_root`.  Its memory is to begin_build().
  // `user_folder` is this user's own: what drivers said on this host holds for all trees.
  // Errors: kIo when not even a throw-away folder can be made.
  static Result<std::unique_ptr<BuildTree>> open(const std::string& project_root, const std::string& user_folder, Terminal&);
  ~BuildTree();

  std::string root, state;  // state: root/.extfarm
  std::string tools;        // file of what drivers said
  RuntimeFolder runtime;
  PosixFilesystem filesystem;
  DigestCache digests{filesystem};
  ProcessRunner probe_runner;
  ToolchainProbe probe{probe_runner, digests};
  std::unique_ptr<TreeLock> lock;
  std::unique_ptr<records::Records> records;
  std::unique_ptr<BuildMemory> memory;

  // Keeps what was learnt, and says what could not be kept.
  void close();
  // Nothing more is to be asked or recorded.
  void forget() {
    memory.reset();
    records.reset();
  }

 private:
  BuildTree(const std::string& project_root, const std::string& user_folder, Terminal&);
  Terminal& terminal_;
  std::string said_;
};

}  // namespace extfarm
