// The real extfarm-worker, and an input that it does not see and that is larger than any frame.
#include <algorithm>

#include "common/base/digest.h"
#include "real_worker.h"

namespace extfarm {
namespace {

class LargeInput : public RealWorker {
 protected:
  LargeInput() {
    action_.kind = ActionKind::kOther;
    action_.program = "/usr/bin/wc";
    action_.argv = {"wc", "-c", "large"};
    action_.cwd = folder_ + "/tree";
    action_.view_roots = {action_.cwd};
    action_.inputs = {action_.cwd + "/large"};
    action_.pinned = {{action_.inputs[0], digest_of(large_)}};
    std::filesystem::create_directories(action_.cwd);
  }
  // As a coordinator answers it.
  protocol::InputBytes part_of(const protocol::NeedInput& need) const {
    const auto part = std::string_view(large_).substr(need.offset_bytes, protocol::kChunkBytes);
    return {need.lease, need.path, need.offset_bytes, large_.size(), true, part};
  }
  const std::string large_ = std::string(9 << 20, 'x') + "end";
  Action action_;
};

TEST_F(LargeInput, ComesInPartsOverARealChannel) {
  auto coordinator = connect(1);
  ASSERT_TRUE(is_served(coordinator, kLong));
  const auto say = [&](const protocol::ToWorker& message) { coordinator.channel->send("w", protocol::encode(message)); };
  say(protocol::StartAction{LeaseId{7}, action_});
  std::vector<std::uint64_t> asked;
  std::optional<Outcome> outcome;
  for (Duration waited{0}; waited < 3 * kLong && !outcome; waited += kStep) {
    coordinator.channel->wait(-1, kStep);
    while (auto envelope = coordinator.channel->receive()) {
      const auto message = protocol::decode_to_coordinator(envelope->bytes);
      ASSERT_TRUE(message);
      if (const auto* report = std::get_if<protocol::Report>(&*message)) outcome = report->outcome;
      const auto* need = std::get_if<protocol::NeedInput>(&*message);
      if (need == nullptr) continue;
      asked.push_back(need->offset_bytes / protocol::kChunkBytes);
      if (asked.size() != 3) say(part_of(*need));  // one is lost
    }
  }
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->outcome_class, OutcomeClass::kSucceeded) << outcome->reason << outcome->stderr_bytes;
  EXPECT_EQ(outcome->stdout_bytes, std::to_string(large_.size()) + " large\n");
  asked.erase(std::unique(asked.begin(), asked.end()), asked.end());  // on a busy machine more than one is asked for twice
  EXPECT_EQ(asked, (std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

}  // namespace
}  // namespace extfarm
