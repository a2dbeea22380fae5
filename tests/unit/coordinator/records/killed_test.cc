// A coordinator killed at any point leaves records that tell of every turn it
// had flushed, and of no turn by halves.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "coordinator/records/records.h"

namespace extfarm::records {
namespace {

namespace fs = std::filesystem;

Digest first_of(int turn) { return digest_of("first " + std::to_string(turn)); }
Digest second_of(int turn) { return digest_of("second " + std::to_string(turn)); }

// Writes two results a turn and tells each turn it has flushed.  The kernel
// kills it in the midst of the write that would make a file longer than the limit.
[[noreturn]] void write_until_killed(const std::string& path, int told, std::uint64_t longest_file_bytes) {
  auto records = Records::open(path);
  const rlimit limit{longest_file_bytes, longest_file_bytes};
  if (!records || ::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(1);
  const std::string content(3000, 'x');
  for (int turn = 0;; ++turn) {
    (*records)->set_published(first_of(turn), content);
    (*records)->set_published(second_of(turn), content);
    (*records)->flush();
    if (::write(told, &turn, sizeof turn) != sizeof turn) ::_exit(1);
  }
}

TEST(KilledTest, EveryFlushedTurnIsThereAndNoneByHalves) {
  for (std::uint64_t limit = 120'000; limit < 180'000; limit += 1531) {
    SCOPED_TRACE(limit);
    char name[] = "/tmp/extfarm-killed-XXXXXX";
    const std::string folder = ::mkdtemp(name), path = folder + "/state.sqlite";
    int told[2];
    ASSERT_EQ(::pipe(told), 0);
    const pid_t writer = ::fork();
    if (writer == 0) write_until_killed(path, told[1], limit);
    ::close(told[1]);
    int status = 0, last = -1;
    ASSERT_EQ(::waitpid(writer, &status, 0), writer);
    EXPECT_EQ(WTERMSIG(status), SIGXFSZ);
    while (::read(told[0], &last, sizeof last) == sizeof last) {
    }
    ::close(told[0]);

    const auto records = Records::open(path);
    ASSERT_TRUE(records) << records.error().message;
    EXPECT_EQ((*records)->warning(), "");
    EXPECT_GE(last, 0);
    for (int turn = 0; turn <= last + 1; ++turn) {
      const bool has_first = (*records)->published(first_of(turn)).has_value();
      EXPECT_EQ(has_first, (*records)->published(second_of(turn)).has_value()) << turn;
      EXPECT_TRUE(has_first || turn > last) << turn;
    }
    fs::remove_all(folder);
  }
}

}  // namespace
}  // namespace extfarm::records
