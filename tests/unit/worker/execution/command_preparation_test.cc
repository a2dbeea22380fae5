// What a worker adds to a command line, and what it leaves alone.
#include "worker/execution/command_preparation.h"

#include <gtest/gtest.h>

namespace extfarm {
namespace {

TEST(CommandPreparation, AProgramThatIsNamedLikeAnOptionKeepsItsName) {
  Action action;
  action.kind = ActionKind::kLink;
  action.argv = {"-flto=auto", "a.o", "-flto=auto"};
  action.cwd = "/nowhere";
  const auto prepared = prepare_command(action, "/usr/bin/gcc-12", "/tmp");
  EXPECT_EQ(prepared.argv.front(), "-flto=auto");
  EXPECT_EQ(prepared.argv.back(), "-flto=1");
}

}  // namespace
}  // namespace extfarm
