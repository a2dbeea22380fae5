// Compressed frames in memory.  Knows nothing of files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace extfarm::store {

// One frame, with the size of `bytes` in its header and a checksum behind it.
// Errors: kIo, when there is no memory for it.
Result<std::string> compress(std::string_view bytes, int level);

// The longest frame that compress() makes of that many bytes.
std::uint64_t longest_frame_bytes(std::uint64_t content_bytes);

// The content of `frame`; allocates nothing before the header was believed.
// Errors: kMalformed, when it is not exactly one whole frame, its checksum is
// wrong, or it holds more than `largest_bytes`.
Result<std::string> decompress(std::string_view frame, std::uint64_t largest_bytes);

}  // namespace extfarm::store
