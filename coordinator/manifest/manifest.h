// Reads a whole build graph from a file: the manifest (doc/manifest.md,
// doc/manifest.schema.json).  Holds one action at a time; what the actions mean
// to each other is order_of's business.
#pragma once

#include <string>

#include "common/base/result.h"
#include "coordinator/manifest/byte_source.h"
#include "coordinator/manifest/step.h"

namespace extfarm::manifest {

// Errors: kIo with the path; kMalformed with file, line and column, the
// action's number and id, what is wrong and what to do; `take`'s own.
Result<void> read_manifest(const std::string& path, const TakeStep& take);
// One action of it again, alone.
Result<Step> read_manifest_step(ByteSource&, const Header&, const RecordPlace&);

}  // namespace extfarm::manifest
