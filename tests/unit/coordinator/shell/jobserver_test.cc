#include "coordinator/shell/jobserver.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/shell/outer_jobserver.h"

namespace extfarm {
namespace {

class JobserverTest : public testing::Test {
 protected:
  std::string auth() const {
    const auto ends = server_->descriptors();
    return "--jobserver-auth=" + std::to_string(ends[0]) + "," + std::to_string(ends[1]);
  }
  std::unique_ptr<OuterJobserver> client() { return std::move(*OuterJobserver::find(server_->makeflags("", 8))); }
  std::unique_ptr<Jobserver> server_ = std::move(*Jobserver::open());
};

TEST_F(JobserverTest, IsNamedInPlaceOfTheOneThatWasInherited) {
  EXPECT_EQ(server_->makeflags("", 8), "-j8 " + auth());
  EXPECT_EQ(server_->makeflags("kw -j3 --jobserver-auth=3,4", 8), "kw -j8 " + auth());
  EXPECT_EQ(server_->makeflags(" -j 3 --jobserver-fds=3,4 --no-print-directory", 8), "--no-print-directory -j8 " + auth());
  EXPECT_EQ(server_->makeflags("-j -- CC=a\\ \\ -j3", 8), "-j8 " + auth() + " -- CC=a\\ \\ -j3");
  EXPECT_EQ(server_->makeflags("-- X=1", 8), "-j8 " + auth() + " -- X=1");
}

TEST_F(JobserverTest, LendsOneTokenLessThanThereMayBeJobs) {
  server_->allow(3);
  const auto outer = client();
  EXPECT_EQ(outer->hold(5), 2u);
  EXPECT_EQ(server_->jobs_under_way(), 3u);
  EXPECT_EQ(outer->hold(0), 0u);
  EXPECT_EQ(server_->jobs_under_way(), 1u);
}

TEST_F(JobserverTest, TakesTokensBackAsTheyAreReturned) {
  server_->allow(4);
  const auto outer = client();
  outer->hold(3);
  server_->allow(2);
  EXPECT_EQ(server_->owed_count(), 2u);
  outer->hold(1);
  server_->allow(2);
  EXPECT_EQ(server_->owed_count(), 0u);
  outer->hold(0);
  EXPECT_EQ(outer->hold(3), 1u);
}

TEST_F(JobserverTest, OneThatEndsGivesItsTokensBack) {
  server_->allow(3);
  client()->hold(2);
  EXPECT_EQ(client()->hold(2), 2u);
}

TEST(OuterJobserver, IsAbsentWhereNoneIsNamed) {
  EXPECT_EQ(*OuterJobserver::find("kw -j3 -- X=--jobserver-auth=3,4"), nullptr);
}

TEST(OuterJobserver, IsReadFromAFifo) {
  const std::string path = testing::TempDir() + "/jobs-" + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto outer = OuterJobserver::find("-j3 --jobserver-auth=fifo:" + path);
  ASSERT_TRUE(outer);
  EXPECT_EQ((*outer)->hold(1), 0u);
  ::unlink(path.c_str());
}

TEST(OuterJobserver, SaysWhatToDoWhenItsPipeIsNotHandedOn) {
  for (const char* flags : {"-j3 --jobserver-auth=901,902", "-j3 --jobserver-auth=0,x", "--jobserver-auth=fifo:/nowhere"}) {
    const auto outer = OuterJobserver::find(flags);
    ASSERT_FALSE(outer) << flags;
    EXPECT_NE(outer.error().message.find("with +"), std::string::npos);
  }
}

}  // namespace
}  // namespace extfarm
