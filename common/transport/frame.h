// Several messages in one frame of ZeroMQ, so that what is said to a peer
// within a turn is encrypted and sent once.  Knows nothing of what they mean.
//   frame   = message*
//   message = length (4 bytes, little endian) bytes
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace extfarm {

// `write` appends the message to the frame.
void append_message(std::string& frame, const std::function<void(std::string&)>& write);

// Takes the first message off `frame`.  Empty: there is no whole one, and
// `frame` is left as it was.
std::optional<std::string_view> take_message(std::string_view& frame);

}  // namespace extfarm
