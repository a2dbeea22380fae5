// The real extfarm-worker among clients that do not speak its protocol.
#include "real_worker.h"

namespace extfarm {
namespace {

using MalformedMessage = RealWorker;

TEST_F(MalformedMessage, CostsItsSenderTheConnectionAndNobodyElseAnything) {
  const std::string bad[] = {"", "garbage", std::string("\xdd\xff\xff\xff\xff", 5), std::string(100'000, '\x91'),
                             protocol::encode(protocol::ToWorker{protocol::Goodbye{}}) + "x"};
  auto honest = connect(1);
  ASSERT_TRUE(is_served(honest, kLong));
  std::uint64_t epoch = 2;
  for (const auto& bytes : bad) {
    auto sender = connect(epoch++);
    EXPECT_TRUE(is_served(sender, kLong));
    EXPECT_EQ(sender.channel->send("w", bytes), SendStatus::kAccepted);
    EXPECT_TRUE(is_served(honest, kLong));
    EXPECT_FALSE(is_served(sender, kShort)) << bytes.size() << " bytes";
  }
  EXPECT_TRUE(is_served(honest, kLong));
}

}  // namespace
}  // namespace extfarm
