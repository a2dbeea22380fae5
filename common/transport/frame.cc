#include "common/transport/frame.h"

#include <cstdint>

#include "common/base/check.h"

namespace extfarm {
namespace {

constexpr std::size_t kLengthBytes = 4;

}  // namespace

void append_message(std::string& frame, const std::function<void(std::string&)>& write) {
  const std::size_t before = frame.size();
  frame.append(kLengthBytes, '\0');
  write(frame);
  const std::size_t length = frame.size() - before - kLengthBytes;
  FARM_CHECK(length <= UINT32_MAX);
  for (std::size_t i = 0; i < kLengthBytes; ++i) frame[before + i] = static_cast<char>(length >> (8 * i));
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
