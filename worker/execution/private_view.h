// A private copy-on-write view: what one attempt writes below its view roots
// goes to an upper layer in scratch; everything else is read-only, and there is
// no network.  Knows namespaces and overlayfs, nothing of compilers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace extfarm {

struct ViewRoot {
  std::string root;   // absolute folder, the lower layer
  std::string upper;  // what the attempt wrote below it
  std::string work;
};

// Prepared before fork; enter() runs in the child between fork and exec and
// only makes system calls.
class PrivateView {
 public:
  // Makes the upper and work folders.  Roots nested in others are dropped.
  // Errors: kRefused for a root that contains the scratch folder; kIo.
  static Result<std::unique_ptr<PrivateView>> prepare(const std::vector<std::string>& roots,
                                                      const std::string& scratch,
                                                      const std::vector<std::string>& written_folders);
  const std::vector<ViewRoot>& roots() const { return roots_; }
  // 0, or the errno of the step that failed.
  int enter() const;

  // Whether this process may make such views; the reason when not.
  static Result<void> probe(const std::string& scratch);

 private:
  PrivateView() = default;
  std::vector<ViewRoot> roots_;
  std::vector<std::string> options_;  // of the overlay mounts
  std::string scratch_;
  std::string uid_map_, gid_map_;
  bool needs_user_namespace_ = false;
};

}  // namespace extfarm
