// A private copy-on-write view: what one attempt writes below its view roots
// goes to an upper layer in scratch; everything else is read-only, and there is
// no network.  Knows namespaces and overlayfs, nothing of compilers.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "worker/execution/mount_table.h"

namespace extfarm {

struct ViewRoot {
  std::string root;   // absolute folder, the lower layer
  std::string upper;  // what the attempt wrote below it
  std::string work;
};

// All that entering a view takes.
struct ViewPlan {
  std::vector<std::pair<std::string, std::string>> overlays;  // root, mount options
  std::string scratch;                                        // stays writable
};

// For the first process of its own mount, IPC and PID namespaces, before it
// starts the command: closes everything but the views, and gives up its powers.
// `hidden_files` read as empty.  0, or the errno of the step that failed.
int enter_view(const ViewPlan&, const std::vector<std::string>& hidden_files);

class PrivateView {
 public:
  // Makes the upper and work folders.  Roots nested in others are dropped.
  // Errors: kRefused for a root that contains the scratch folder; kIo.
  static Result<PrivateView> prepare(const std::vector<std::string>& roots, const std::string& scratch,
                                     const std::vector<std::string>& written_folders, MountTable&);
  const std::vector<ViewRoot>& roots() const { return roots_; }
  const ViewPlan& plan() const { return plan_; }
  // Where the command's own version of a file lies; nullopt when it is below no root.
  std::optional<std::string> place_of(const std::string& path) const;

 private:
  PrivateView() = default;
  std::vector<ViewRoot> roots_;
  ViewPlan plan_;
};

}  // namespace extfarm
