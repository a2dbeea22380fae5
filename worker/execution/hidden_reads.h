// Files that an assembler reads and nobody lists: those of .incbin and
// .include, where the compiler does not tell.  Looks at text, runs nothing.
#pragma once

#include <set>
#include <string>
#include <unordered_map>

#include "common/base/digest.h"
#include "common/system/filesystem.h"

namespace extfarm {

class HiddenReads {
 public:
  explicit HiddenReads(const Filesystem& filesystem) : filesystem_(filesystem) {}
  // The first of the files whose text has such a directive, perhaps in a
  // comment; empty: none.  Each content is looked at once, by its digest.
  std::string first_in(const std::set<std::string>& paths, DigestCache&);

 private:
  const Filesystem& filesystem_;
  std::unordered_map<Digest, bool> known_;
};

}  // namespace extfarm
