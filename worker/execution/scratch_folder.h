// A worker's own folder for views and results.  Knows whose worker died
// without clearing its folder: that one's lock (FOLDER.lock) is free.
#pragma once

#include <string>

namespace extfarm {

class ScratchFolder {
 public:
  // Makes the folder (0700) when absent, and removes those beside it that
  // belong to no living worker.
  explicit ScratchFolder(std::string path);
  ~ScratchFolder();  // removes it with all that is in it
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int lock_ = -1;
};

}  // namespace extfarm
