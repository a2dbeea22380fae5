// A tree, an executor beside it, and how to run one attempt to its end.  Knows
// no expectations of any one test.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "common/system/filesystem.h"
#include "worker/execution/executor.h"

namespace extfarm {

// ThreadSanitizer has one in each process, and the kernel refuses a user namespace to a process with threads.
inline bool has_a_sanitizers_thread() {
  const char* kind = std::getenv("EXTFARM_SANITIZER");
  return kind != nullptr && std::string(kind) == "thread";
}

class AttemptFixture : public testing::Test {
 protected:
  AttemptFixture() {
    top_ = std::filesystem::temp_directory_path().string() + "/extfarm-attempt-" + std::to_string(::getpid());
    tree_ = top_ + "/tree";
    std::filesystem::create_directories(tree_);
    write("a.c", "#include <stddef.h>\n#include \"h.h\"\nint f(void) { return H; }\n");
    write("h.h", "#define H 3\n");
    restart(false);
  }
  ~AttemptFixture() override {
    executor_.reset();
    std::filesystem::remove_all(top_);
  }
  void restart(bool direct) {
    executor_.reset();
    ExecutorSettings settings;
    settings.scratch = top_ + "/scratch";
    settings.permitted_roots = {"/"};
    settings.trusted_prefixes = trusted_;
    settings.force_direct = direct;
    settings.limits = limits_;
    settings.idle_priority = idle_priority_;
    settings.time_limit = time_limit_;
    settings.only_compilers = only_compilers_;
    settings.hidden_files = hidden_files_;
    executor_ = std::make_unique<Executor>(settings, clock_);
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(tree_ + "/" + name) << text;
  }
  Action command(ActionKind kind, std::vector<std::string> argv) const {
    Action action;
    action.kind = kind;
    action.program = "/usr/bin/" + argv.at(0);
    action.argv = std::move(argv);
    action.environment = {{"LC_ALL", "C"}, {"PATH", "/usr/bin:/bin"}};
    action.cwd = tree_;
    action.view_roots = {tree_};
    return action;
  }
  Action compile(std::vector<std::string> argv) const {
    auto action = command(ActionKind::kCompile, std::move(argv));
    action.inputs = {tree_ + "/a.c"};
    action.outputs = {tree_ + "/a.o"};
    return action;
  }
  Action script(const std::string& text) const { return command(ActionKind::kOther, {"sh", "-c", text}); }
  // Of the one attempt that is under way.
  AttemptEvent next_event() {
    auto events = next_events();
    return events.empty() ? AttemptEvent{} : std::move(events.front());
  }
  // All that have come at once: at least one.
  std::vector<AttemptEvent> next_events() {
    for (int turns = 0; turns < 1500; ++turns) {
      auto events = executor_->take_events();
      if (!events.empty()) return events;
      pollfd ready{executor_->fd(), POLLIN, 0};
      ::poll(&ready, 1, 20);
    }
    ADD_FAILURE() << "no event within 30 seconds";
    return {};
  }
  Outcome run(const Action& action) {
    executor_->forget(key_);
    executor_->start(key_, action);
    return next_event().outcome;
  }
  std::string output(const Outcome& outcome, const std::string& name) const {
    const auto& outputs = outcome.attestation.outputs;
    for (std::uint32_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].path == tree_ + "/" + name)
        return std::string(executor_->read_output(key_, i, 0, outputs[i].size_bytes).value_or("(unreadable)"));
    }
    return "(absent)";
  }
  std::string in_tree(const std::string& name) const {
    return PosixFilesystem().read(tree_ + "/" + name).value_or("(absent)");
  }
  // All of a pinned input in one part.
  void supply(const std::string& path, const std::string& bytes) {
    executor_->supply_input(key_, {path, 0, bytes.size(), true, bytes});
  }
  // What the command makes when it runs in the tree; removed again.
  std::string plain(const std::string& line, const std::string& name) const {
    EXPECT_EQ(std::system(("cd " + tree_ + " && LC_ALL=C " + line).c_str()), 0);
    const auto bytes = in_tree(name);
    std::filesystem::remove(tree_ + "/" + name);
    return bytes;
  }
  static bool attests(const Outcome& outcome, const std::string& ending) {
    for (const auto& input : outcome.attestation.inputs) {
      if (input.path.ends_with(ending)) return true;
    }
    return false;
  }

  MonotonicClock clock_;
  std::string top_, tree_;
  Limits limits_;  // of the next restart
  bool idle_priority_ = false;
  std::optional<Duration> time_limit_;
  std::vector<std::string> hidden_files_;
  std::vector<std::string> trusted_ = {"/usr"};
  bool only_compilers_ = false;
  std::unique_ptr<Executor> executor_;
  AttemptKey key_{CoordinatorId{1}, LeaseId{1}};
};

}  // namespace extfarm
