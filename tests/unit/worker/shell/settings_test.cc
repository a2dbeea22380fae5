#include "worker/shell/settings.h"

#include <gtest/gtest.h>
#include <stdlib.h>

namespace extfarm {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

class SlurmAllocation : public testing::Test {
 protected:
  void TearDown() override {
    for (const char* name : {"SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU", "SLURM_CPUS_ON_NODE"}) ::unsetenv(name);
  }
  const std::uint64_t whole_ = usable_memory_bytes();
};

TEST_F(SlurmAllocation, ItsMemoryIsNotExceeded) {
  ::setenv("SLURM_MEM_PER_NODE", "512", 1);
  EXPECT_EQ(usable_memory_bytes(), 512 * kMiB);
}

TEST_F(SlurmAllocation, NorWhatItHasForEachProcessor) {
  ::setenv("SLURM_MEM_PER_CPU", "100", 1);
  ::setenv("SLURM_CPUS_ON_NODE", "3", 1);
  EXPECT_EQ(usable_memory_bytes(), 300 * kMiB);
}

TEST_F(SlurmAllocation, NoneNamedIsAllThereIs) {
  ::setenv("SLURM_MEM_PER_NODE", "0", 1);
  EXPECT_EQ(usable_memory_bytes(), whole_);
  ::setenv("SLURM_MEM_PER_NODE", "1000000000", 1);
  EXPECT_EQ(usable_memory_bytes(), whole_);
}

TEST_F(SlurmAllocation, ItsProcessorsAreTheSlots) {
  ::setenv("SLURM_CPUS_ON_NODE", "1", 1);
  EXPECT_EQ(count_slots(), 1u);
}

}  // namespace
}  // namespace extfarm
