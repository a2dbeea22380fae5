#include "worker/shell/settings.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <utility>
#include <vector>

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

struct Read {
  Result<WorkerSettings> settings;
  int exit_code;
};
Read read(std::vector<std::string> words) {
  words.insert(words.begin(), "extfarm-worker");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  int exit_code = 0;
  auto settings = read_worker_settings(static_cast<int>(argv.size()), argv.data(), exit_code);
  return {std::move(settings), exit_code};
}

TEST(WorkerOptions, NumbersAreTakenAsTheyAre) {
  const auto settings = read({"--slots", "3", "--memory", "1.5", "--speed", "200"}).settings;
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->slots, 3u);
  EXPECT_EQ(settings->memory_bytes, 1536 * kMiB);
  EXPECT_EQ(settings->measured_speed, 200u);
}

TEST(WorkerOptions, WhatIsNoSuchNumberIsNamedWithWhatToGive) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"--slots", "0"}, {"--slots", "2.5"}, {"--slots", "4097"}, {"--slots", "many"}, {"--slots", "-1"}, {"--slots", "1e2"}, {"--slots", "0x4"}, {"--memory", "0"},
      {"--memory", "1GiB"}, {"--memory", "nan"}, {"--speed", "0"}, {"--speed", "fast"}, {"--speed", "1e9"}};
  for (const auto& [option, value] : wrong) {
    const auto done = read({option, value});
    ASSERT_FALSE(done.settings) << option << " " << value;
    EXPECT_EQ(done.exit_code, 2);
    const std::string begins = option + " is \"" + value + "\": give a number";
    EXPECT_EQ(done.settings.error().message.substr(0, begins.size()), begins);
  }
}

}  // namespace
}  // namespace extfarm
