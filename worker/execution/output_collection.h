// Reads what an attempt wrote out of the upper layers of its view.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/attestation.h"
#include "worker/execution/private_view.h"

namespace extfarm {

struct CollectedOutput {
  AttestedOutput attested;
  std::string stored_at;  // files: where the bytes lie now
};

// Files, symlinks, folders that are new, and removals (overlayfs whiteouts), in
// path order.  Errors: kIo; kRefused for a device, socket or pipe.
Result<std::vector<CollectedOutput>> collect_outputs(const std::vector<ViewRoot>&);

// One file as an output that belongs at `path`.
Result<CollectedOutput> collect_file(const std::string& stored_at, const std::string& path);

// Removes a folder and all below it, also folders without permissions.
void remove_tree(const std::string& folder);

}  // namespace extfarm
