// What this process's children take is its own; what a stranger takes is not.
// All work here is done in the kernel, whose time is counted alike however nice a test run is.
#include "worker/presence/others_load.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <vector>

#include "common/system/clock.h"

namespace extfarm {
namespace {

constexpr double kWork = 0.6, kMostOfIt = 0.3;  // seconds of a processor

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void work() {
  std::vector<char> bytes(1 << 20);
  const int zeros = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
  // Not read(), in which a sanitizer would do more than the kernel.
  while (processor_seconds() < kWork && ::syscall(SYS_read, zeros, bytes.data(), bytes.size()) > 0) {
  }
}

// Of all processors, since the machine's start, without niced programs.
double machine_seconds() {
  std::ifstream in("/proc/stat");
  std::string name;
  double user = 0, niced = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, soft_interrupts = 0;
  in >> name >> user >> niced >> system >> idle >> waiting >> interrupts >> soft_interrupts;
  return (user + system + interrupts + soft_interrupts) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

struct Taken {
  double by_all = 0, by_others = 0;
};

// While `run` ran.
template <class Run>
Taken taken_during(const Run& run) {
  const MonotonicClock clock;
  OthersLoad load(true);
  load.look(clock.now());
  const Timestamp began = clock.now();
  const double before = machine_seconds();
  run();
  const double all = machine_seconds() - before;
  const double elapsed = seconds(clock.now() - began);
  return {all, elapsed * load.look(clock.now())};
}

TEST(OthersLoad, WhatAnEndedChildTookIsOurs) {
  const auto taken = taken_during([] {
    const pid_t child = ::fork();
    if (child == 0) {
      work();
      ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
  });
  EXPECT_GT(taken.by_all - taken.by_others, kMostOfIt);
}

// Runs `work` in a child, or in a stranger that a child has left behind, which lives on until the end of `taken_during`.
Taken taken_by_living(bool is_stranger) {
  int done[2], end[2];
  EXPECT_EQ(::pipe(done), 0);
  EXPECT_EQ(::pipe(end), 0);
  pid_t child = -1;
  const auto taken = taken_during([&] {
    child = ::fork();
    if (child == 0) {
      if (is_stranger && ::fork() != 0) ::_exit(0);
      work();
      ::close(end[1]);
      char byte = 'x';
      [[maybe_unused]] auto told = ::write(done[1], &byte, 1);
      told = ::read(end[0], &byte, 1);
      ::_exit(0);
    }
    if (is_stranger) ::waitpid(child, nullptr, 0);
    char byte = 0;
    EXPECT_EQ(::read(done[0], &byte, 1), 1);
  });
  ::close(end[1]);  // it goes on to its end
  if (!is_stranger) ::waitpid(child, nullptr, 0);
  for (const int fd : {done[0], done[1], end[0]}) ::close(fd);
  return taken;
}

TEST(OthersLoad, WhatALivingChildTakesIsOurs) {
  const auto taken = taken_by_living(false);
  EXPECT_GT(taken.by_all - taken.by_others, kMostOfIt);
}

TEST(OthersLoad, WhatAStrangerTakesIsNot) {
  EXPECT_GT(taken_by_living(true).by_others, kMostOfIt);
}

TEST(OthersLoad, TheFirstLookHasNothingToCompareWith) { EXPECT_EQ(OthersLoad(true).look(Timestamp{}), 0); }

}  // namespace
}  // namespace extfarm
