// 2,000 fixed seeds and a random one.  EXTFARM_SEED=N runs that one alone, EXTFARM_SEEDS=N the first N.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/simulation/world.h"

namespace extfarm::simulation {
namespace {

constexpr std::uint64_t kFixedSeeds = 2000;

// Failing, it says which seed, what broke, and what led to it.
scheduling::Scheduler::Counts expect_well(std::uint64_t seed) {
  World world(seed);
  world.run();
  if (!world.violations().empty()) {
    World again(seed, true);
    again.run();
    std::string tail;
    for (const auto& line : again.transcript()) tail += line + "\n";
    ADD_FAILURE() << "seed " << seed << ": " << world.violations().front() << "\nEXTFARM_SEED=" << seed
                  << " runs it alone; it ended with\n"
                  << tail;
  }
  return world.counts();
}

TEST(Simulation, EveryBuildEndsRightWhateverTheNetworkDoes) {
  if (const char* chosen = std::getenv("EXTFARM_SEED")) {
    expect_well(std::strtoull(chosen, nullptr, 10));
    return;
  }
  const char* more = std::getenv("EXTFARM_SEEDS");
  const std::uint64_t seeds = more != nullptr ? std::strtoull(more, nullptr, 10) : kFixedSeeds;
  scheduling::Scheduler::Counts sum;
  for (std::uint64_t seed = 1; seed <= seeds && !HasFailure(); ++seed) {
    const auto counts = expect_well(seed);
    sum.on_workers += counts.on_workers;
    sum.retried += counts.retried;
    sum.run_locally += counts.run_locally;
    sum.failed += counts.failed;
    sum.inputs_differ += counts.inputs_differ;
    sum.backups += counts.backups;
    sum.recalled += counts.recalled;
    sum.quarantined += counts.quarantined;
  }
  std::printf("built %lu, retried %lu, sent home %lu, failed %lu, inputs differed %lu, second attempts %lu, "
              "taken back from queues %lu, quarantines %lu\n",
              sum.on_workers, sum.retried, sum.run_locally, sum.failed, sum.inputs_differ, sum.backups, sum.recalled,
              sum.quarantined);
  // A network too kind, or too cruel to get anything done, would prove nothing.
  EXPECT_GT(sum.on_workers, 5000u);
  EXPECT_GT(sum.retried, 500u);
  EXPECT_GT(sum.run_locally, 20u);
  EXPECT_GT(sum.inputs_differ, 50u);
  EXPECT_GT(sum.backups, 50u);
  EXPECT_GT(sum.recalled, 20u);
  EXPECT_GT(sum.quarantined, 20u);
}

TEST(Simulation, ARandomSeedEndsRightToo) {
  if (std::getenv("EXTFARM_SEED") != nullptr) GTEST_SKIP() << "EXTFARM_SEED chooses the seed";
  const std::uint64_t seed = std::random_device{}();
  std::printf("random seed %lu\n", seed);
  expect_well(seed);
}

TEST(Simulation, TheSameSeedGivesTheSameBuild) {
  World first(7, true), second(7, true);
  first.run();
  second.run();
  EXPECT_EQ(first.transcript(), second.transcript());
  EXPECT_FALSE(first.transcript().empty());
}

}  // namespace
}  // namespace extfarm::simulation
