// Files that an assembler reads and nobody lists: those of .incbin and
// .include, where the compiler does not tell.  Looks at text, runs nothing.
#pragma once

#include <string>
#include <unordered_map>

#include "common/base/digest.h"
#include "common/system/filesystem.h"

namespace extfarm {

class HiddenReads {
 public:
  explicit HiddenReads(const Filesystem& filesystem) : filesystem_(filesystem) {}
  // Whether the file's text has such a directive, perhaps in a comment.  Each
  // content is looked at once, by its digest.
  bool are_in(const std::string& path, const Digest&);

 private:
  const Filesystem& filesystem_;
  std::unordered_map<Digest, bool> known_;
};

}  // namespace extfarm
