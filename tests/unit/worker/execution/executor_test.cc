#include "worker/execution/executor.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "attempt_fixture.h"
#include "common/system/filesystem.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

std::string read(const std::string& path) { return PosixFilesystem().read(path).value_or("(absent)"); }

class ExecutorTest : public testing::Test {
 protected:
  ExecutorTest() {
    // Not below the tree: a scratch folder inside a view root is refused.
    top_ = fs::temp_directory_path().string() + "/extfarm-exec-" + std::to_string(::getpid());
    tree_ = top_ + "/tree";
    fs::create_directories(tree_);
    write("a.c", "#include \"h.h\"\nint f(void) { return H; }\n");
    write("h.h", "#define H 3\n");
    restart(false);
  }
  ~ExecutorTest() override {
    executor_.reset();
    fs::remove_all(top_);
  }
  void restart(bool direct) {
    executor_.reset();
    ExecutorSettings settings;
    settings.scratch = top_ + "/scratch";
    settings.permitted_roots = {"/"};
    settings.trusted_prefixes = {"/usr"};
    settings.force_direct = direct;
    settings.pinned_wait = std::chrono::milliseconds(30);
    executor_ = std::make_unique<Executor>(settings, clock_);
  }
  void write(const std::string& name, const std::string& text) { std::ofstream(tree_ + "/" + name) << text; }
  Action compile(std::vector<std::string> words) {
    Action action;
    action.kind = ActionKind::kCompile;
    action.argv = {"gcc"};
    action.argv.insert(action.argv.end(), words.begin(), words.end());
    action.program = "/usr/bin/gcc";
    action.environment = {{"PATH", "/usr/bin:/bin"}};
    action.cwd = tree_;
    action.inputs = {tree_ + "/a.c"};
    action.outputs = {tree_ + "/a.o"};
    action.view_roots = {tree_};
    return action;
  }
  AttemptEvent next_event() {
    for (int turns = 0; turns < 1000; ++turns) {
      for (auto& event : executor_->take_events()) return event;
      pollfd ready{executor_->fd(), POLLIN, 0};
      ::poll(&ready, 1, 20);
    }
    ADD_FAILURE() << "no event";
    return {};
  }
  Outcome run(const Action& action) {
    executor_->start(key_, action);
    return next_event().outcome;
  }
  std::string output(const Outcome& outcome, const std::string& name) {
    const auto& outputs = outcome.attestation.outputs;
    for (std::uint32_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].path == tree_ + "/" + name)
        return std::string(executor_->read_output(key_, i, 0, outputs[i].size_bytes).value());
    }
    return "(absent)";
  }
  std::string plain(const std::string& command, const std::string& name) {
    EXPECT_EQ(std::system(("cd " + tree_ + " && " + command).c_str()), 0);
    const auto bytes = read(tree_ + "/" + name);
    fs::remove(tree_ + "/" + name);
    return bytes;
  }
  MonotonicClock clock_;
  std::string top_, tree_;
  std::unique_ptr<Executor> executor_;
  AttemptKey key_{CoordinatorId{1}, LeaseId{1}};
};

TEST_F(ExecutorTest, TheObjectIsThePlainCompilersAndTheTreeIsUntouched) {
  const auto expected = plain("gcc -g -O2 -c a.c -o a.o", "a.o");
  const auto outcome = run(compile({"-g", "-O2", "-c", "a.c", "-o", "a.o"}));
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason << outcome.stderr_bytes;
  EXPECT_EQ(output(outcome, "a.o"), expected);
  EXPECT_EQ(outcome.attestation.outputs.size(), 1u);
  EXPECT_FALSE(fs::exists(tree_ + "/a.o"));
}

TEST_F(ExecutorTest, AttestsTheHeaderThatWasRead) {
  const auto outcome = run(compile({"-c", "a.c", "-o", "a.o"}));
  const AttestedInput header{tree_ + "/h.h", digest_of("#define H 3\n")};
  EXPECT_EQ(std::count(outcome.attestation.inputs.begin(), outcome.attestation.inputs.end(), header), 1);
}

TEST_F(ExecutorTest, SideFilesComeBack) {
  ASSERT_EQ(executor_->mode(), ViewMode::kPrivate) << executor_->mode_reason();
  const auto outcome = run(compile({"-c", "a.c", "-o", "a.o", "-MMD", "-fstack-usage", "--coverage"}));
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason << outcome.stderr_bytes;
  for (const char* name : {"a.o", "a.d", "a.su", "a.gcno"})
    EXPECT_NE(output(outcome, name), "(absent)") << name;
}

TEST_F(ExecutorTest, ARemovedFileIsReportedAndStaysInTheTree) {
  ASSERT_EQ(executor_->mode(), ViewMode::kPrivate) << executor_->mode_reason();
  write("a.o", "old");
  auto action = compile({});
  action.kind = ActionKind::kOther;
  action.program = "/usr/bin/rm";
  action.argv = {"rm", "a.o"};
  const auto outcome = run(action);
  ASSERT_EQ(outcome.attestation.outputs.size(), 1u);
  EXPECT_EQ(outcome.attestation.outputs[0].kind, OutputKind::kRemoved);
  EXPECT_EQ(read(tree_ + "/a.o"), "old");
}

TEST_F(ExecutorTest, ThereIsNoNetworkAndNoWritingOutsideTheView) {
  ASSERT_EQ(executor_->mode(), ViewMode::kPrivate) << executor_->mode_reason();
  auto action = compile({});
  action.kind = ActionKind::kOther;
  action.program = "/usr/bin/sh";
  action.argv = {
      "sh", "-c",
      "tail -n +3 /proc/net/dev | grep -v lo: ; touch " + top_ + "/outside; echo ok > /dev/null && echo $?"};
  const auto outcome = run(action);
  EXPECT_EQ(outcome.stdout_bytes, "0\n");
  EXPECT_FALSE(fs::exists(top_ + "/outside"));
}

TEST_F(ExecutorTest, ACompileErrorKeepsTheCompilersWords) {
  write("a.c", "int f(void) { return }\n");
  const auto outcome = run(compile({"-c", "a.c", "-o", "a.o"}));
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kCommandFailed);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.stderr_bytes.find("a.c:1:"), std::string::npos);
}

TEST_F(ExecutorTest, ACompilerKilledByASignalIsNoCompileError) {
  auto action = compile({});
  action.kind = ActionKind::kOther;
  action.program = "/usr/bin/sh";
  action.argv = {"sh", "-c", "kill -KILL $$"};
  EXPECT_EQ(run(action).outcome_class, OutcomeClass::kInfrastructure);
}

TEST_F(ExecutorTest, AnUntrustedProgramIsRefused) {
  auto action = compile({"-c", "a.c"});
  fs::copy("/usr/bin/true", tree_ + "/gcc");
  action.program = tree_ + "/gcc";
  EXPECT_EQ(run(action).outcome_class, OutcomeClass::kRefused);
}

TEST_F(ExecutorTest, AnotherToolchainIsNotUsed) {
  auto action = compile({"-c", "a.c", "-o", "a.o"});
  action.toolchain.driver = "/usr/bin/gcc";
  action.toolchain_digest = executor_->probe(action.toolchain)->digest;
  EXPECT_EQ(run(action).outcome_class, OutcomeClass::kSucceeded);
  action.toolchain_digest = digest_of("another");
  EXPECT_EQ(run(action).outcome_class, OutcomeClass::kToolchainDiffers);
}

TEST_F(ExecutorTest, APinnedInputIsWaitedForThenAskedForThenTakenFromTheMessage) {
  auto action = compile({"-c", "a.c", "-o", "a.o"});
  action.pinned = {{tree_ + "/h.h", digest_of("#define H 4\n")}};
  executor_->start(key_, action);
  const auto event = next_event();
  ASSERT_EQ(event.kind, AttemptEvent::Kind::kNeedsInput);
  EXPECT_EQ(event.path, tree_ + "/h.h");
  executor_->supply_input(key_, {event.path, 0, 12, true, "#define H 4\n"});
  const auto outcome = next_event().outcome;
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason;
  const auto made = output(outcome, "a.o");
  write("h.h", "#define H 4\n");
  EXPECT_EQ(made, plain("gcc -c a.c -o a.o", "a.o"));
}

// In parts, each asked for when the one before has come; one that comes twice counts once.
TEST_F(ExecutorTest, ALargePinnedInputComesInParts) {
  const std::string text = "#define H 4\n", made = text + std::string(20, '\n');
  auto action = compile({"-c", "a.c", "-o", "a.o"});
  action.pinned = {{tree_ + "/h.h", digest_of(made)}};
  executor_->start(key_, action);
  for (std::uint64_t offset = 0; offset < made.size(); offset += 8) {
    const auto event = next_event();
    ASSERT_EQ(event.kind, AttemptEvent::Kind::kNeedsInput) << event.outcome.reason;
    ASSERT_EQ(event.offset_bytes, offset);
    const InputPart part{event.path, offset, made.size(), true, std::string_view(made).substr(offset, 8)};
    executor_->supply_input(key_, part);
    executor_->supply_input(key_, part);
  }
  EXPECT_EQ(next_event().outcome.outcome_class, OutcomeClass::kSucceeded);
}

TEST_F(ExecutorTest, APartThatIsLostIsAskedForAgain) {
  auto action = compile({"-c", "a.c", "-o", "a.o"});
  action.pinned = {{tree_ + "/h.h", digest_of("#define H 4\n")}};
  executor_->start(key_, action);
  for (int asked = 0; asked < 2; ++asked) {
    const auto event = next_event();
    ASSERT_EQ(event.kind, AttemptEvent::Kind::kNeedsInput);
    EXPECT_EQ(event.offset_bytes, 0u);
  }
  executor_->supply_input(key_, {tree_ + "/h.h", 0, 12, true, "#define "});
  EXPECT_EQ(next_event().offset_bytes, 8u);
  executor_->supply_input(key_, {tree_ + "/h.h", 8, 12, false, ""});
  EXPECT_EQ(next_event().outcome.outcome_class, OutcomeClass::kInputsDiffer);
}

TEST_F(ExecutorTest, ForgettingEndsTheProcessTreeAndItsScratch) {
  auto action = compile({});
  action.kind = ActionKind::kOther;
  action.program = "/usr/bin/sh";
  action.argv = {"sh", "-c", "sleep 1000 & sleep 1000"};
  executor_->start(key_, action);
  EXPECT_EQ(std::distance(fs::directory_iterator(top_ + "/scratch"), {}), 1);
  executor_->forget(key_);
  EXPECT_EQ(std::distance(fs::directory_iterator(top_ + "/scratch"), {}), 0);
}

TEST_F(ExecutorTest, DirectModeMakesTheSameObject) {
  restart(true);
  ASSERT_EQ(executor_->mode(), ViewMode::kDirect);
  const auto expected = plain("gcc -g -c a.c -o a.o", "a.o");
  const auto outcome = run(compile({"-g", "-c", "a.c", "-o", "a.o"}));
  ASSERT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason;
  EXPECT_EQ(output(outcome, "a.o"), expected);
  EXPECT_FALSE(fs::exists(tree_ + "/a.o"));
}

// As an ordinary user, on a tree that belongs to somebody else.
TEST_F(ExecutorTest, AnOrdinaryUserCompilesInSomebodyElsesTree) {
  if (::geteuid() != 0) {
    ASSERT_EQ(run(compile({"-c", "a.c", "-o", "a.o"})).outcome_class, OutcomeClass::kSucceeded);
    return;
  }
  if (has_a_sanitizers_thread()) GTEST_SKIP() << "a process with threads makes no user namespace";
  write("a.o", "somebody else's");
  executor_.reset();
  fs::permissions(top_, fs::perms(0777));
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(2);
    ::prctl(PR_SET_DUMPABLE, 1);  // as after an exec: else its /proc/self belongs to root
    restart(false);
    const auto outcome = run(compile({"-c", "a.c", "-o", "a.o"}));
    const bool good = executor_->mode() == ViewMode::kPrivate &&
                      outcome.outcome_class == OutcomeClass::kSucceeded &&
                      outcome.attestation.outputs.size() == 1;
    if (!good)
      std::fprintf(stderr, "%s %s %s\n", executor_->mode_reason().c_str(), outcome.reason.c_str(),
                   outcome.stderr_bytes.c_str());
    executor_.reset();
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read(tree_ + "/a.o"), "somebody else's");
}

}  // namespace
}  // namespace extfarm
