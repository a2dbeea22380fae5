// The folder in which one tree's verification keeps its copies: always the same
// for one tree and user, so that a killed one's copies are found and removed.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"

namespace extfarm {

class VerifyScratch {
 public:
  // Empties what an earlier run left.  Errors: kRefused when another verification
  // of the tree runs, or the folder is another user's; kIo.
  static Result<std::unique_ptr<VerifyScratch>> open(const std::string& parent, const std::string& tree);
  ~VerifyScratch();  // removes the copies unless kept
  VerifyScratch(const VerifyScratch&) = delete;
  VerifyScratch& operator=(const VerifyScratch&) = delete;
  const std::string& path() const { return path_; }
  void keep() { is_kept_ = true; }

 private:
  VerifyScratch() = default;
  std::string path_;
  int lock_ = -1;
  bool is_kept_ = false;
};

}  // namespace extfarm
