// A private folder in /tmp or TMPDIR for as long as a coordinator lives.
#pragma once

#include <string>

namespace extfarm {

class RuntimeFolder {
 public:
  // Also clears away those of this user's coordinators that were killed.  An empty path: none could be made.
  RuntimeFolder();
  ~RuntimeFolder();
  RuntimeFolder(const RuntimeFolder&) = delete;
  RuntimeFolder& operator=(const RuntimeFolder&) = delete;
  const std::string& path() const { return path_; }
  // The socket of its coordinator's front door.
  std::string door() const;

 private:
  std::string path_;
};

}  // namespace extfarm
