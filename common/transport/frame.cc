#include "common/transport/frame.h"

#include <array>
#include <cstdint>

#include "common/base/check.h"

namespace extfarm {
namespace {

constexpr std::size_t kLengthBytes = 4;

}  // namespace

void append_message(std::string& frame, std::string_view message) {
  FARM_CHECK(message.size() <= UINT32_MAX);
  std::array<char, kLengthBytes> length{};
  for (std::size_t i = 0; i < kLengthBytes; ++i) length[i] = static_cast<char>(message.size() >> (8 * i));
  frame.append(length.data(), length.size());
  frame.append(message);
}

std::optional<std::string_view> take_message(std::string_view& frame) {
  if (frame.size() < kLengthBytes) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) length |= std::size_t{static_cast<unsigned char>(frame[i])} << (8 * i);
  if (frame.size() - kLengthBytes < length) return std::nullopt;
  const std::string_view message = frame.substr(kLengthBytes, length);
  frame.remove_prefix(kLengthBytes + length);
  return message;
}

}  // namespace extfarm
