// A pinned input that comes in messages, part by part, because it did not
// appear on the shared filesystem.  Knows no messages and asks for nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace extfarm {

struct Attempt;
class DigestCache;

struct InputPart {  // as the submitting host has it
  std::string path;
  std::uint64_t offset_bytes = 0, size_bytes = 0;  // the size of the whole file
  bool found = false;
  std::string_view bytes;  // none only at the end of the file
};

// Keeps the part that attempt.arriving expects next.  Once the file is whole and
// proves to be the pinned one, it is in the attempt's view, and one of
// attempt.supplied.  Errors: kRefused when the bytes are not the pinned ones or
// have no place in the view, kIo.
Result<void> take_part(Attempt&, const InputPart&, DigestCache&);

}  // namespace extfarm
