// Command lines, a word between two NULs: whatever they say, they are read
// without harm, and a worker's additions come in front of the user's words.
#include "common/compiler/command_line.h"

#include "common/compiler/driver_options.h"
#include "tests/fuzz/input.h"
#include "worker/execution/command_preparation.h"

namespace extfarm {
namespace {

void check_prepared(const std::vector<std::string>& argv, ActionKind kind, const std::string& program) {
  Action action;
  action.kind = kind;
  action.argv = argv;
  action.cwd = "/nowhere";
  action.environment = {{"EXTFARM_COLOR", "1"}, {"PATH", "/bin"}, {"TMPDIR", "/elsewhere"}};
  const auto prepared = prepare_command(action, program, "/tmp/t");
  FARM_CHECK(prepared.argv.size() >= argv.size() && prepared.argv[0] == argv[0]);
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const auto& word = prepared.argv[prepared.argv.size() - argv.size() + i];
    FARM_CHECK(word == argv[i] || (argv[i] == "-flto=auto" && word == "-flto=1"));
  }
  FARM_CHECK(prepared.listing_argv.empty() || prepared.listing_argv[0] == argv[0]);
  FARM_CHECK(!prepared.listing_is_needed || !prepared.listing_argv.empty());
}

}  // namespace
}  // namespace extfarm

// The first byte says which program it is for, and as what the action comes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace extfarm;
  fuzz::Input in(data, size);
  const auto choice = in.byte();
  const auto argv = fuzz::pieces_of(in.rest(), '\0');
  const auto reading = read_command_line(argv);
  FARM_CHECK(!reading.must_run_locally || !reading.local_reason.empty());
  FARM_CHECK(reading.depfile.empty() || reading.dependency_style != DependencyStyle::kNone);
  static_cast<void>(named_paths(argv));
  for (const auto& code : loaded_code(argv)) FARM_CHECK(code.option.starts_with('-') || code.option.starts_with('@'));
  static constexpr const char* kPrograms[] = {"/usr/bin/gcc-12", "/usr/bin/clang", "/usr/bin/gfortran"};
  check_prepared(argv, static_cast<ActionKind>(choice % 5), kPrograms[choice / 5 % 3]);
  return 0;
}
