// A worker's own folder for views and results.  Knows whose worker died
// without clearing its folder: that one's lock (FOLDER.lock) is free.
#pragma once

#include <string>

namespace extfarm {

// Where a worker's scratch folder is when nobody says: in memory (/dev/shm),
// where that takes private views and has a GiB for each slot, else in /var/tmp.
// On a disk each view costs a millisecond or more for what it makes and removes.
std::string default_scratch(unsigned slots);

class ScratchFolder {
 public:
  // Makes the folder (0700) when absent, and removes those beside it that
  // belong to no living worker.
  explicit ScratchFolder(std::string path);
  ~ScratchFolder();  // removes it with all that is in it
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }
  // So little room that a command may have failed for want of it, whatever it says.
  bool is_full() const;

 private:
  std::string path_;
  int lock_ = -1;
};

}  // namespace extfarm
