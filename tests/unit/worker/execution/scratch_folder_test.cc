#include "worker/execution/scratch_folder.h"

#include <gtest/gtest.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdint>

namespace extfarm {
namespace {

TEST(DefaultScratch, NoMemoryIsLargeEnoughForThatManySlots) {
  EXPECT_EQ(default_scratch(1u << 30), "/var/tmp/extfarm-" + std::to_string(::getuid()));
}

TEST(DefaultScratch, InMemoryOnlyWithAGibibyteForEachSlot) {
  constexpr unsigned kSlots = 2;
  const auto place = default_scratch(kSlots);
  if (!place.starts_with("/dev/shm/")) return;  // this machine has less
  struct statvfs space {};
  ASSERT_EQ(::statvfs("/dev/shm", &space), 0);
  EXPECT_GE(std::uint64_t{space.f_bavail} * space.f_frsize, std::uint64_t{kSlots} << 30);
}

}  // namespace
}  // namespace extfarm
