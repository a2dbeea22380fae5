// The digest of a file that may be larger than this machine's memory.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/digest.h"
#include "common/base/result.h"

namespace extfarm {

struct FileDigest {
  Digest digest;
  std::uint64_t size_bytes = 0;
};

// Of the bytes that PosixFilesystem::read() would give, without holding them.  Its errors.
Result<FileDigest> digest_of_file(const std::string& path);

}  // namespace extfarm
