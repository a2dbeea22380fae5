// What a command inside the private view cannot do, and what it does that must be told.
#include <sys/mount.h>
#include <sys/wait.h>

#include "attempt_fixture.h"
#include "common/process/process_tree.h"
#include "own_mounts.h"

namespace extfarm {
namespace {

class ViewConfinement : public AttemptFixture {
 protected:
  void SetUp() override { ASSERT_EQ(executor_->mode(), ViewMode::kPrivate) << executor_->mode_reason(); }
};

TEST_F(ViewConfinement, ACommandCannotTakeItsViewOff) {
  const auto outcome = run(script("umount " + tree_ + " 2>/dev/null; echo escaped > marker; true"));
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason << outcome.stderr_bytes;
  EXPECT_EQ(output(outcome, "marker"), "escaped\n");
  EXPECT_EQ(in_tree("marker"), "(absent)");
}

TEST_F(ViewConfinement, ACommandCannotMakeTheRestWritable) {
  run(script("mount -o remount,rw / ; mount -o remount,bind,rw / ; echo escaped > " + top_ + "/outside"));
  EXPECT_FALSE(std::filesystem::exists(top_ + "/outside"));
}

TEST_F(ViewConfinement, NoDeviceButTheHarmlessOnesOpens) {
  // Of the devices that exist in /dev: a disk would let a root command write below every mount.
  const auto outcome = run(script(
      "for d in null zero full random urandom; do test -e /dev/$d && : < /dev/$d || echo no $d; done; echo x > /dev/null; "
      "for d in $(find /dev -maxdepth 1 -type b); do (: < $d) 2>/dev/null && echo opened $d; done; true"));
  EXPECT_EQ(outcome.stdout_bytes, "");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.stderr_bytes;
}

TEST_F(ViewConfinement, NoInterfaceIsUp) {
  const auto outcome = run(script("cat /proc/net/route | tail -n +2; cat /proc/net/if_inet6"));
  EXPECT_EQ(outcome.stdout_bytes, "");
}

// An error message or an object would carry it to whoever asked for the compile.
TEST_F(ViewConfinement, TheWorkersSecretsReadAsEmpty) {
  std::ofstream(top_ + "/outside.key") << "secret";
  write("inside.key", "secret");
  hidden_files_ = {top_ + "/outside.key", tree_ + "/inside.key", top_ + "/absent.key"};
  restart(false);
  const auto outcome = run(script("cat inside.key ../outside.key; rm -f inside.key; cat inside.key; true"));
  EXPECT_EQ(outcome.stdout_bytes, "") << outcome.stderr_bytes;
  EXPECT_EQ(outcome.exit_code, 0) << outcome.reason;
  auto action = compile({"gcc", "-c", "-x", "assembler", "-", "-o", "a.o"});
  action.stdin_bytes = ".incbin \"" + top_ + "/outside.key\"\n";
  EXPECT_EQ(output(run(action), "a.o").find("secret"), std::string::npos);
}

TEST_F(ViewConfinement, AFolderMadeAnewTellsWhatItLost) {
  std::filesystem::create_directories(tree_ + "/d/deep");
  write("d/old", "1");
  write("d/deep/older", "2");
  write("d/kept", "3");
  const auto outcome = run(script("rm -r d && mkdir d && echo new > d/kept"));
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason << outcome.stderr_bytes;
  std::vector<std::string> removed;
  for (const auto& one : outcome.attestation.outputs) {
    if (one.kind == OutputKind::kRemoved) removed.push_back(one.path.substr(tree_.size()));
  }
  EXPECT_EQ(removed, (std::vector<std::string>{"/d/deep/older", "/d/deep", "/d/old"}));
  EXPECT_EQ(output(outcome, "d/kept"), "new\n");
  EXPECT_EQ(in_tree("d/old"), "1");
}

TEST_F(ViewConfinement, TwoAttemptsThatWriteOneNameDoNotMeet) {
  const AttemptKey other{CoordinatorId{2}, LeaseId{1}};
  executor_->start(key_, script("echo one > same; cat same"));
  executor_->start(other, script("echo two > same; cat same"));
  std::map<AttemptKey, Outcome> outcomes;
  while (outcomes.size() < 2 && !HasFailure()) {
    for (auto& event : next_events()) outcomes[event.key] = std::move(event.outcome);
  }
  EXPECT_EQ(outcomes[key_].stdout_bytes, "one\n");
  EXPECT_EQ(outcomes[other].stdout_bytes, "two\n");
  EXPECT_EQ(executor_->read_output(key_, 0, 0, 4).value_or(""), "one\n");
  EXPECT_EQ(executor_->read_output(other, 0, 0, 4).value_or(""), "two\n");
  EXPECT_EQ(in_tree("same"), "(absent)");
}

TEST_F(ViewConfinement, AFilesystemMountedBelowARootIsRefusedForTheViewWouldHideIt) {
  std::filesystem::create_directories(tree_ + "/inner");
  run_in_own_mounts([&]() -> const char* {
    restart(false);  // in this mount namespace
    if (run(script("true")).outcome_class != OutcomeClass::kSucceeded) return "not well before";
    if (::mount("tmpfs", (tree_ + "/inner").c_str(), "tmpfs", 0, nullptr) != 0) return "not mounted";
    const auto outcome = run(script("true"));
    executor_.reset();
    if (outcome.outcome_class != OutcomeClass::kRefused) return "not refused";
    return outcome.reason.find(tree_ + "/inner") != std::string::npos ? nullptr : "the mount is not named";
  });
}

TEST_F(ViewConfinement, ACommandThatFailsOnAFullDiskIsNotTheUsersMistakeThoughItSaysNothing) {
  run_in_own_mounts([&]() -> const char* {
    const std::string scratch = top_ + "/scratch";
    executor_.reset();
    std::filesystem::create_directories(scratch);
    if (::mount("tmpfs", scratch.c_str(), "tmpfs", 0, "size=8m") != 0) return "not mounted";
    restart(false);
    const auto full = run(script("head -c 20000000 /dev/zero > big 2> /dev/null; exit 1"));
    const auto after = run(script("exit 1"));
    executor_.reset();
    if (full.outcome_class != OutcomeClass::kInfrastructure) return "not the worker's mishap";
    if (full.reason !=
        "the disk of the worker's scratch folder is full: make room there, or start the worker with --scratch elsewhere")
      return "another reason";
    return after.outcome_class != OutcomeClass::kInfrastructure ? nullptr : "the disk is taken for full afterwards";
  });
}

TEST_F(ViewConfinement, ForgettingABusyWriterLeavesNoScratch) {
  executor_->start(key_, script("i=0; echo started; while :; do i=$((i+1)); mkdir d$i; echo x > d$i/f; done"));
  executor_->forget(key_);
  const auto leftovers = [&] { return std::distance(std::filesystem::directory_iterator(top_ + "/scratch"), {}); };
  for (int turns = 0; turns < 50 && leftovers() > 0; ++turns) {
    pollfd ready{executor_->fd(), POLLIN, 0};
    ::poll(&ready, 1, 20);
    executor_->take_events();
  }
  EXPECT_EQ(leftovers(), 0);
}

// The process on this machine whose command line ends with `mark`; 0: none.
int find_process(const std::string& mark) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto line = PosixFilesystem().read(entry.path().string() + "/cmdline");
    if (line && line->ends_with(std::string(1, '\0') + mark + '\0')) return std::stoi(entry.path().filename());
  }
  return 0;
}

// Of `condition`, asked again for at most five seconds.
template <class Condition>
bool comes_true(Condition condition) {
  for (int turns = 0; turns < 500; ++turns) {
    if (condition()) return true;
    ::poll(nullptr, 0, 10);
  }
  return false;
}

const std::string kMark = "1000." + std::to_string(::getpid());  // a time to sleep that nobody else chooses
const std::string kLeavesItsGroup = "setsid sleep " + kMark + " & wait";

TEST_F(ViewConfinement, AForgottenProcessThatLeftItsGroupDiesToo) {
  executor_->start(key_, script(kLeavesItsGroup));
  ASSERT_TRUE(comes_true([] { return find_process(kMark) != 0; }));
  executor_->forget(key_);
  EXPECT_TRUE(comes_true([&] {
    executor_->take_events();
    return find_process(kMark) == 0;
  }));
}

TEST_F(ViewConfinement, AForkServerThatSomebodyKilledIsReplaced) {
  const auto children = descendants_of(::getpid());
  ASSERT_EQ(children.size(), 1u);
  ASSERT_EQ(::kill(children[0], SIGKILL), 0);
  const auto outcome = run(script("echo still > here"));
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason;
  EXPECT_EQ(output(outcome, "here"), "still\n");
}

TEST_F(ViewConfinement, TheCommandsOwnEndIsToldNotItsKeepers) {
  EXPECT_EQ(run(script("exit 7")).exit_code, 7);
  EXPECT_NE(run(script("kill -SEGV $$")).reason.find("signal 11"), std::string::npos);
}

TEST_F(ViewConfinement, AWorkerThatIsKilledLeavesNoProcess) {
  const pid_t worker = ::fork();
  if (worker == 0) {
    restart(false);  // what it starts shall be its children
    executor_->start(key_, script(kLeavesItsGroup));
    for (;;) ::pause();
  }
  const bool started = comes_true([] { return find_process(kMark) != 0; });
  ::kill(worker, SIGKILL);
  ::waitpid(worker, nullptr, 0);
  EXPECT_TRUE(started);
  EXPECT_TRUE(comes_true([] { return find_process(kMark) == 0; }));
}

TEST_F(ViewConfinement, ACommandEndsByTheSignalThatKilledIt) {
  const auto outcome = run(script("kill -SEGV $$"));
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kInfrastructure);
  EXPECT_NE(outcome.reason.find("signal 11"), std::string::npos) << outcome.reason;
  EXPECT_EQ(run(script("exit 139")).exit_code, 139);
}

}  // namespace
}  // namespace extfarm
