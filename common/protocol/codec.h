// Messages to bytes and back.  Trusts nothing it reads: every limit of msgpack
// is set, depth is at most 16, trailing bytes and any other schema are errors.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/protocol/messages.h"

namespace extfarm::protocol {

// Appends the message's bytes.
void append(std::string& out, const ToWorker&);
void append(std::string& out, const ToCoordinator&);
std::string encode(const ToWorker&);
std::string encode(const ToCoordinator&);

// Contents in the message are views into `bytes`.
// Errors: kMalformed, with what was expected and where.  Never throws.
Result<ToWorker> decode_to_worker(std::string_view bytes);
Result<ToCoordinator> decode_to_coordinator(std::string_view bytes);

}  // namespace extfarm::protocol
