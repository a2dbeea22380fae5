// Names that no filesystem takes end an attempt, never the worker.
#include "attempt_fixture.h"
#include "worker/execution/attempt.h"

namespace extfarm {
namespace {

class LongNames : public AttemptFixture {
 protected:
  std::string long_name_ = std::string(300, 'n');  // the longest is 255 bytes
};

TEST_F(LongNames, ALinkOfSuchAFileFails) {
  auto action = command(ActionKind::kLink, {"gcc", long_name_ + ".o", "-o", "a"});
  action.outputs = {tree_ + "/a"};
  EXPECT_EQ(run(action).outcome_class, OutcomeClass::kCommandFailed);
}

TEST_F(LongNames, ARedirectedOutputThatCannotBeLookedAtIsAnError) {
  Attempt attempt;
  attempt.redirected = {{.path = tree_ + "/a.o", .stored_at = top_ + "/" + long_name_}};
  EXPECT_FALSE(collect(attempt));
  attempt.redirected = {{.path = tree_ + "/a.o", .stored_at = top_ + "/absent"}};
  EXPECT_TRUE(collect(attempt));
}

}  // namespace
}  // namespace extfarm
