// A coordinator with a valid key that means harm: what it sends to have
// something run, or written, that the worker's owner has not allowed.
#include <sys/stat.h>

#include "attempt_fixture.h"
#include "worker/execution/trust.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

class HostileCoordinator : public AttemptFixture {
 protected:
  HostileCoordinator() {
    fs::create_directories(tools());
    program("gcc", "/usr/bin/gcc");
    program("as", "/usr/bin/as");
  }
  std::string tools() const { return top_ + "/tools"; }
  // One that leaves a mark wherever it runs: beside itself, and in the view.
  void program(const std::string& name, const std::string& real) const {
    const std::string path = tools() + "/" + name;
    std::ofstream(path) << "#!/bin/sh\necho > " << tools() << "/ran 2>/dev/null; echo > " << tree_ << "/ran\nexec " << real
                        << " \"$@\"\n";
    fs::permissions(path, fs::perms::owner_all);
  }
  bool has_run(const Outcome& outcome) const {
    return fs::exists(tools() + "/ran") || output(outcome, "ran") != "(absent)";
  }
  void expect_refused(const Action& action, const std::string& word) {
    const auto outcome = run(action);
    EXPECT_EQ(outcome.outcome_class, OutcomeClass::kRefused) << outcome.reason << outcome.stderr_bytes;
    EXPECT_NE(outcome.reason.find(word), std::string::npos) << outcome.reason;
    EXPECT_FALSE(has_run(outcome));
  }
  Action plain_compile() const { return compile({"gcc", "-c", "a.c", "-o", "a.o"}); }
  // Holds the attempt between the look at it and its run, swaps, lets it go on.
  template <class Swap>
  Outcome run_after(Action action, Swap swap) {
    const std::string bytes = "pinned";
    action.pinned.push_back({tree_ + "/pinned", digest_of(bytes)});
    executor_->forget(key_);
    executor_->start(key_, action);
    const auto asked = next_event();
    EXPECT_EQ(asked.kind, AttemptEvent::Kind::kNeedsInput) << asked.outcome.reason;
    swap();
    supply(tree_ + "/pinned", bytes);
    return next_event().outcome;
  }
};

TEST_F(HostileCoordinator, CannotHaveItsOwnDriverAskedForItsParts) {
  EXPECT_FALSE(executor_->probe({tools() + "/gcc", {}}));
  EXPECT_FALSE(executor_->probe({tools() + "/gcc", {"-march=native"}}));
  EXPECT_FALSE(fs::exists(tools() + "/ran"));
  auto action = plain_compile();
  action.toolchain = {tools() + "/gcc", {}};
  action.toolchain_digest = digest_of("some");
  expect_refused(action, "--trust");
}

TEST_F(HostileCoordinator, IsToldOfATrustedDriverByAnotherName) {
  fs::create_symlink("/usr/bin/gcc", tools() + "/cc");
  const auto named = executor_->probe({tools() + "/cc", {}}), real = executor_->probe({"/usr/bin/gcc", {}});
  ASSERT_TRUE(named && real);
  EXPECT_EQ(named->digest, real->digest);
}

TEST_F(HostileCoordinator, CannotSwapTheProgramAfterTheLook) {
  fs::create_symlink("/usr/bin/gcc", tools() + "/cc");
  auto action = plain_compile();
  action.program = tools() + "/cc";
  const auto outcome = run_after(action, [&] {
    fs::remove(tools() + "/cc");
    fs::create_symlink(tools() + "/gcc", tools() + "/cc");
  });
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason << outcome.stderr_bytes;
  EXPECT_FALSE(has_run(outcome));
}

TEST_F(HostileCoordinator, CannotSwapAFolderOfTheSearchPathAfterTheLook) {
  fs::create_symlink("/usr/bin", top_ + "/bin");
  auto action = plain_compile();
  action.environment = {{"LC_ALL", "C"}, {"PATH", top_ + "/bin"}};
  const auto outcome = run_after(action, [&] {
    fs::remove(top_ + "/bin");
    fs::create_symlink(tools(), top_ + "/bin");
  });
  EXPECT_EQ(outcome.outcome_class, OutcomeClass::kSucceeded) << outcome.reason << outcome.stderr_bytes;
  EXPECT_FALSE(has_run(outcome));
}

// A link, or a folder that may become one, between the look and the run.
TEST_F(HostileCoordinator, CannotNameTrustedCodeByAWayThatOthersMayChange) {
  fs::create_symlink("/usr", tree_ + "/usr");
  expect_refused(compile({"gcc", "-B" + tree_ + "/usr/bin", "-c", "a.c", "-o", "a.o"}), "-B");
  expect_refused(compile({"gcc", "-Busr/bin", "-c", "a.c", "-o", "a.o"}), "-B");
  fs::create_directories(tree_ + "/d");
  std::string up = tree_ + "/d/..";
  for (auto rest = fs::path(tree_).relative_path(); !rest.empty(); rest = rest.parent_path()) up += "/..";
  expect_refused(compile({"gcc", "-B" + up + "/usr/bin", "-c", "a.c", "-o", "a.o"}), "-B");
  EXPECT_EQ(run(compile({"gcc", "-B/usr/bin", "-c", "a.c", "-o", "a.o"})).outcome_class, OutcomeClass::kSucceeded);
}

TEST_F(HostileCoordinator, CannotHideAnOptionThatLoadsCodeBehindAnotherSpelling) {
  const std::vector<std::vector<std::string>> spellings = {
      {"--prefix=" + tools() + "/"}, {"--prefix", tools() + "/"}, {"-B", tools() + "/"},   {"-B" + tools() + "/"},
      {"--specs=" + tree_ + "/s"},   {"--specs", tree_ + "/s"},   {"-specs", tree_ + "/s"}, {"-wrapper", tools() + "/as"},
      {"-Wl,-plugin," + tree_ + "/p.so"}, {"-Xlinker", "-plugin", "-Xlinker", tree_ + "/p.so"},
      {"--for-linker=-plugin", "--for-linker=" + tree_ + "/p.so"},
      {"--for-linker", "-plugin", "--for-linker", tree_ + "/p.so"},
      {"-fcompare-debug=-fplugin=" + tree_ + "/p.so"},
      {"-fmodules-ts", "-fmodule-mapper=|" + tools() + "/as"},
      {"-fmodules-ts", "-Wp,-fmodule-mapper=|" + tools() + "/as"},
      {"-fmodules-ts", "-fmodule-mapper", "|" + tools() + "/as"}};
  write("s", "*invoke_as:\n" + tools() + "/as\n");
  write("p.so", "");
  for (const auto& words : spellings) {
    std::vector<std::string> argv = {"gcc"};
    argv.insert(argv.end(), words.begin(), words.end());
    argv.insert(argv.end(), {"-c", "a.c", "-o", "a.o"});
    SCOPED_TRACE(words[0]);
    const auto outcome = run(compile(argv));
    EXPECT_EQ(outcome.outcome_class, OutcomeClass::kRefused) << outcome.reason << outcome.stderr_bytes;
    EXPECT_FALSE(has_run(outcome));
  }
}

TEST_F(HostileCoordinator, CannotHaveMakeReadItsWords) {
  write("m.c", "int main(void) { return 0; }\n");
  const std::string name = "$(shell touch ran)";
  for (const auto kind : {ActionKind::kLink, ActionKind::kOther}) {
    auto action = command(kind, {"gcc", "-O2", "-flto=2", "m.c", "-save-temps", "-dumpdir", name, "-o", "m"});
    const auto outcome = run(action);
    EXPECT_EQ(output(outcome, "ran"), "(absent)") << outcome.reason << outcome.stderr_bytes;
  }
}

// gcc takes the words of a second compile from there.
TEST_F(HostileCoordinator, CannotAddWordsByTheEnvironment) {
  auto action = plain_compile();
  action.environment.emplace_back("GCC_COMPARE_DEBUG", "-fplugin=" + tree_ + "/p.so");
  expect_refused(action, "GCC_COMPARE_DEBUG");
  for (const std::string name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "BASH_ENV", "MAKEFLAGS",
                                 "CXX_MODULE_MAPPER", "COLLECT_GCC_OPTIONS"}) {
    action.environment.back() = {name, tree_};
    expect_refused(action, name);
  }
}

// The bytes of a pinned input are written by the worker itself, outside every view.
TEST_F(HostileCoordinator, CannotHaveAPinnedInputWrittenOutsideTheView) {
  const std::string bytes = "#!/bin/sh\n";
  for (const std::string& path : {tree_ + "/../planted", tree_ + "/./../planted", tree_ + "/x/../../planted"}) {
    auto action = plain_compile();
    action.pinned.push_back({path, digest_of(bytes)});
    expect_refused(action, "planted");
    supply(path, bytes);
  }
  for (const auto& entry : fs::recursive_directory_iterator(top_)) EXPECT_NE(entry.path().filename(), "planted");
}

// The worker makes an output's folders in the view's own place beforehand, with the modes they have in the tree.
TEST_F(HostileCoordinator, CannotHaveAFoldersModeChangedOutsideTheView) {
  ::chmod(top_.c_str(), 0777);
  for (const std::string& output : {tree_ + "/../../x", tree_ + "/../../../x"}) {
    auto action = plain_compile();
    action.outputs.push_back(output);
    expect_refused(action, output);
  }
  struct stat st {};
  ASSERT_EQ(::stat((top_ + "/scratch").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0700u);
}

TEST_F(HostileCoordinator, CannotNameARootOrAFolderInTwoWays) {
  auto action = plain_compile();
  action.view_roots = {tree_ + "/../tree"};
  expect_refused(action, "tree");
  action = plain_compile();
  action.cwd = tree_ + std::string("\0x", 2);
  expect_refused(action, "NUL");
  action = plain_compile();
  action.cwd = "tree";
  expect_refused(action, "tree");
}

// The worker reads what a command says it has read: a pipe would never end, a kernel's file neither.
TEST_F(HostileCoordinator, CannotMakeTheWorkerReadWithoutEnd) {
  for (const std::string made : {"mkfifo \"$0\"", "ln -s /dev/zero \"$0\"", "printf '%s\\n' /proc/kcore /proc/kmsg /dev/zero > \"$0\""}) {
    auto action = command(ActionKind::kCythonize, {"sh", "-c", "f=$EXTFARM_DEPFILE; set -- ; eval \"$1\"", "x"});
    std::string line = made;
    line.replace(line.find("\"$0\""), 4, "\"$EXTFARM_DEPFILE\"");
    action.argv = {"sh", "-c", line};
    ::alarm(60);
    const auto outcome = run(action);
    ::alarm(0);
    EXPECT_TRUE(outcome.attestation.inputs.empty()) << made;
  }
}

}  // namespace
}  // namespace extfarm
