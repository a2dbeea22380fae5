// From a front end's line to an action: whatever is submitted ends as an action
// or stays local with a reason.  Its program is always an empty file, so nothing is run.
#include "coordinator/farm/action_intake.h"
#include "coordinator/farm/guesses.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "tests/fuzz/input.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrograms[] = {"gcc", "clang", "ar", "cython", "other"};

// A project with a source, a folder and a response file, and the "programs".
struct Project {
  std::string path = "/dev/shm/extfarm-fuzz-intake-XXXXXX";
  PosixFilesystem filesystem;
  DigestCache digests{filesystem};
  ProcessRunner runner;
  ToolchainProbe probe{runner, digests};

  Project() {
    FARM_CHECK(::mkdtemp(path.data()) != nullptr);
    for (const char* name : kPrograms) std::ofstream(path + "/" + name).put('\n');
    std::ofstream(path + "/a.c") << "int a;\n";
    std::ofstream(path + "/r") << "-c a.c @r2\n";
    std::ofstream(path + "/r2") << "-o a.o\n";
    fs::create_directory(path + "/d");
    fs::create_symlink("loop", path + "/loop");
  }
  ~Project() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

}  // namespace
}  // namespace extfarm

// The first byte says which program and whether the request's own folder stays.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace extfarm;
  static Project project;
  fuzz::Input in(data, size);
  const auto choice = in.byte();
  auto request = front_door::parse_request(in.rest());
  auto* submit = request ? std::get_if<front_door::SubmitRequest>(&*request) : nullptr;
  if (submit == nullptr) return 0;
  submit->argv[0] = project.path + "/" + kPrograms[choice % std::size(kPrograms)];
  submit->toolchain.driver.clear();
  submit->toolchain.extra_paths.clear();
  if (choice < 128) submit->cwd = project.path;
  ActionIntake intake(project.path, project.probe);
  if (choice % 2 != 0) intake.declare_tools({"other"});
  const auto taken = intake.take(*submit);
  if (const auto* local = std::get_if<StaysLocal>(&taken)) {
    FARM_CHECK(!local->reason.empty());
    return 0;
  }
  const auto& action = std::get<Action>(taken);
  FARM_CHECK(action.program == submit->argv[0] && !action.argv.empty() && !action.view_roots.empty());
  for (const auto* paths : {&action.inputs, &action.outputs, &action.view_roots})
    for (const auto& path : *paths) FARM_CHECK(path.starts_with('/'));
  static_cast<void>(ActionIntake::identity_of(action));
  static_cast<void>(guess_category(action));
  FARM_CHECK(Guesses().seconds(action) > 0);
  return 0;
}
