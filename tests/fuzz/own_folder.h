// A folder of this process's own, in memory, for readers that want a file.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "common/base/check.h"

namespace extfarm::fuzz {

// The same at each call; removed when the process ends.
inline const std::string& own_folder() {
  static const struct Folder {
    std::string path = "/dev/shm/extfarm-fuzz-XXXXXX";
    Folder() { FARM_CHECK(::mkdtemp(path.data()) != nullptr); }
    ~Folder() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  } made;
  return made.path;
}

}  // namespace extfarm::fuzz
