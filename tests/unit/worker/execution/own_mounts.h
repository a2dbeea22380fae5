// A process with a mount namespace of its own, for tests that mount.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>

namespace extfarm {

// Runs `test` there.  What it returns says what did not hold; nullptr: everything held.
inline void run_in_own_mounts(const std::function<const char*()>& test) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  const pid_t pid = ::fork();
  if (pid == 0) {
    const bool is_apart = ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    const char* wrong = is_apart ? test() : "no mount namespace";
    if (wrong != nullptr) std::fprintf(stderr, "%s\n", wrong);
    ::_exit(wrong == nullptr ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

}  // namespace extfarm
