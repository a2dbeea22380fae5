// A worker that may open few files still does all that it is given.
#include <sys/resource.h>

#include <set>

#include "attempt_fixture.h"
#include "common/process/process_tree.h"

namespace extfarm {
namespace {

constexpr std::uint64_t kMany = 40;  // more than run at once with so few

class FewDescriptors : public AttemptFixture {
 protected:
  FewDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &usual_);
    allow(128);
  }
  ~FewDescriptors() override { allow(usual_.rlim_cur); }
  void allow(rlim_t count) const {
    const rlimit limit{count, usual_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  void start(std::uint64_t lease, const std::string& text) { executor_->start({CoordinatorId{1}, LeaseId{lease}}, script(text)); }
  std::set<std::uint64_t> leases_that_succeed(std::size_t count) {
    std::set<std::uint64_t> out;
    while (out.size() < count && !HasFailure()) {
      for (const auto& event : next_events()) {
        EXPECT_EQ(event.outcome.outcome_class, OutcomeClass::kSucceeded) << event.outcome.reason;
        EXPECT_TRUE(out.insert(event.key.lease.value).second) << "told twice";
      }
    }
    return out;
  }

 private:
  rlimit usual_{};
};

TEST_F(FewDescriptors, WhatFindsNoneFreeBeginsWhenAnotherHasEnded) {
  for (std::uint64_t lease = 1; lease <= kMany; ++lease) start(lease, "sleep 0.1");
  EXPECT_EQ(leases_that_succeed(kMany).size(), kMany);
}

// All at once: a coordinator that has heard nothing for long ends its leases, and starts others.
TEST_F(FewDescriptors, KilledCommandsKeepTheirsUntilTheyAreGone) {
  for (int turn = 0; turn < 3; ++turn) {
    for (std::uint64_t lease = 1; lease <= kMany; ++lease) start(lease, "sleep 1000");
    for (std::uint64_t lease = 1; lease <= kMany; ++lease) executor_->forget({CoordinatorId{1}, LeaseId{lease}});
  }
  for (std::uint64_t lease = 1; lease <= kMany; ++lease) start(lease, "true");
  EXPECT_EQ(leases_that_succeed(kMany).size(), kMany);
}

TEST_F(FewDescriptors, WhatIsOnlyPreparedKeepsOutNoneThatHasASlot) {
  const auto prepared = [](std::uint64_t number) { return AttemptKey{CoordinatorId{2}, LeaseId{number}}; };
  for (std::uint64_t number = 1; number <= kMany; ++number) executor_->prepare(prepared(number), script("true"));
  for (std::uint64_t lease = 1; lease <= kMany; ++lease) start(lease, "true");
  EXPECT_EQ(leases_that_succeed(kMany).size(), kMany);
  for (std::uint64_t number = 1; number <= kMany; ++number) executor_->start(prepared(number), script("true"));
  EXPECT_EQ(leases_that_succeed(kMany).size(), kMany);
}

TEST_F(FewDescriptors, WithHardlyAnyOneRunsAtATime) {
  allow(60);
  const auto before = descendants_of(::getpid()).size();
  executor_->prepare({CoordinatorId{1}, LeaseId{1}}, script("sleep 0.1"));
  EXPECT_EQ(descendants_of(::getpid()).size(), before) << "it has taken the room of one that has a slot";
  start(1, "sleep 0.1");
  EXPECT_GT(descendants_of(::getpid()).size(), before);
  for (std::uint64_t lease = 2; lease <= 5; ++lease) start(lease, "true");
  EXPECT_EQ(leases_that_succeed(5).size(), 5u);
}

}  // namespace
}  // namespace extfarm
