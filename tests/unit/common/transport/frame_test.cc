#include "common/transport/frame.h"

#include <gtest/gtest.h>

#include <vector>

namespace extfarm {
namespace {

void append(std::string& frame, const std::string& message) {
  append_message(frame, [&](std::string& end) { end += message; });
}

std::vector<std::string> messages_of(std::string_view& frame) {
  std::vector<std::string> out;
  while (const auto message = take_message(frame)) out.emplace_back(*message);
  return out;
}

TEST(Frame, GivesBackItsMessagesInOrder) {
  const std::vector<std::string> messages = {"one", "", std::string(70000, 'x'), std::string("\0\1", 2)};
  std::string frame;
  for (const auto& message : messages) append(frame, message);
  std::string_view left = frame;
  EXPECT_EQ(messages_of(left), messages);
  EXPECT_TRUE(left.empty());
}

TEST(Frame, OfOneThatIsCutOffTheWholeMessagesAreThere) {
  std::string frame;
  append(frame, "one");
  append(frame, "two");
  for (std::size_t length = 0; length < frame.size(); ++length) {
    std::string_view left = std::string_view(frame).substr(0, length);
    EXPECT_EQ(messages_of(left), length < 7 ? std::vector<std::string>{} : std::vector<std::string>{"one"});
    EXPECT_EQ(left.size(), length < 7 ? length : length - 7) << length;
  }
}

TEST(Frame, ALengthBeyondItsEndIsNoMessage) {
  std::string_view frame("\xff\xff\xff\xffx", 5);
  EXPECT_TRUE(messages_of(frame).empty());
  EXPECT_EQ(frame.size(), 5u);
}

}  // namespace
}  // namespace extfarm
