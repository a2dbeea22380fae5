// Checks what a worker attests against this host's files, and publishes its
// outputs.  Nothing takes its name before everything was checked.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/action.h"
#include "common/model/attestation.h"
#include "common/system/filesystem.h"

namespace extfarm::artifacts {

// The first attested input whose bytes differ here.  A mismatch is looked at
// twice (forget, re-read) before it counts.  Error: kRefused, naming the file.
Result<void> check_inputs(const Attestation&, DigestCache&);

// Errors: kRefused for an output outside `view_roots` (also through "..", or
// through a symlinked parent that leads outside), a symlink to a place outside, a
// setuid or setgid mode, or a relative path; the message names it.
Result<void> check_outputs(const Attestation&, const std::vector<std::string>& view_roots);

// Writes every output: `contents[i]` belongs to attestation.outputs[i] (files
// only).  Files go to temporary names first, are verified against size and digest, and
// are renamed together at the end; kRemoved ones are unlinked.  Each folder is looked at again, held open: one that has come
// to lead outside `view_roots` since check_outputs is refused.  An output that is a device or a pipe here (/dev/null) is refused.
// Errors: kIo, kRefused; then no temporary file is left.
Result<void> publish(const Attestation&, const std::vector<std::string>& contents,
                     const std::vector<std::string>& view_roots);

}  // namespace extfarm::artifacts
