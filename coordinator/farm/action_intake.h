// Turns what a front end submits into an Action, or says why it stays local.
#pragma once

#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "common/compiler/toolchain_probe.h"
#include "common/model/action.h"
#include "coordinator/front_door/requests.h"

namespace extfarm {

struct StaysLocal {
  std::string reason;
};

// Where a relative `path` points from `cwd`; lexically normal.
std::string absolute_path(const std::string& path, const std::string& cwd);

class ActionIntake {
 public:
  ActionIntake(std::string project_root, ToolchainProbe& probe)
      : root_(std::move(project_root)), probe_(probe) {}
  // Programs by base name that may go to workers though they are no compilers:
  // generators that read what their command line names and write below the project.
  void declare_tools(std::vector<std::string> names) { generators_ = std::move(names); }
  // What the request asks for, without id, pinned inputs and view roots; no
  // place is looked at.  `environment` is what matters of the request's own.
  // Why it cannot go to a worker comes in `local_reason`, empty when it can.
  Action describe(const front_door::SubmitRequest&, std::vector<std::pair<std::string, std::string>> environment,
                  std::string& local_reason);
  // From now on a tool is looked for once, until forget_tools(): for many
  // requests of one moment.
  void remember_tools() { remembers_tools_ = true; }
  void forget_tools() {
    remembers_tools_ = false;
    tools_.clear();
  }
  // What tools were looked for since remember_tools(), each with what was found.
  using FoundTools = std::vector<std::pair<std::string, Digest>>;
  FoundTools found_tools() const;
  bool still_finds(const FoundTools&);
  // Whether what was described depends on files beside the tools (a response file, say), not on words alone.
  bool has_looked_into_files() const { return has_looked_into_files_; }
  // The action has everything but its id and pinned inputs.
  std::variant<Action, StaysLocal> take(const front_door::SubmitRequest&);
  // A stable name across builds: kind, cwd and main output.
  static Digest identity_of(const Action&);

 private:
  std::string read_words(Action&);        // likewise; kind, inputs, outputs from argv
  struct Tool {
    std::string program;  // empty: there is none
    Digest toolchain;
    bool is_clang = false;
    std::string local_reason;
  };
  static Digest digest_of_tool(const Tool&);
  const Tool& tool_of(const Action&);
  Tool look_for_tool(const Action&);
  std::string add_places(Action&) const;  // why it stays local, or empty

  std::string root_;
  ToolchainProbe& probe_;
  std::vector<std::string> generators_;
  bool remembers_tools_ = false;
  bool has_looked_into_files_ = false;
  std::unordered_map<std::string, Tool> tools_;
};

}  // namespace extfarm
