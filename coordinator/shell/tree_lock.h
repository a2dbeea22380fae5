// One build at a time in one tree.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"

namespace extfarm {

class TreeLock {
 public:
  // Waits until no other build holds `folder`; `say` is told once who does.
  // A folder that cannot be written is not held, and neither is a lock that
  // the filesystem does not offer: then nothing is remembered there anyway.
  TreeLock(const std::string& folder, const std::function<void(const std::string&)>& say);
  // By the file alone, and without waiting: whoever else wants the folder is to be told who has it.
  // Its holder is to touch it.  Errors: kUnavailable, with the holder; kIo, where nothing can be written.
  static Result<std::unique_ptr<TreeLock>> try_take(const std::string& folder);
  ~TreeLock();
  TreeLock(const TreeLock&) = delete;
  TreeLock& operator=(const TreeLock&) = delete;
  // The build's command, which may outlive a killed coordinator: the next build waits for it, too.
  void name_command(int pid);
  // On a network the lock is a file that lives while it is touched: call at
  // least every few seconds.
  void touch();

 private:
  explicit TreeLock(const std::string& path) : path_(path) {}
  bool make_file();
  void take_here(const std::function<void(const std::string&)>& say);
  void take_on_network(const std::function<void(const std::string&)>& say);
  void write_text(int fd, const std::string& text);
  std::string path_, text_;
  int fd_ = -1;            // this host's kernel holds the lock for us
  bool is_ours_ = false;   // on a network: the file is ours
  std::int64_t touched_ns_ = 0;
};

}  // namespace extfarm
