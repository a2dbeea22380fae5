// The commands that build: their options, and what follows from them.
#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "coordinator/front_door/front_door.h"
#include "coordinator/shell/commands.h"
#include "coordinator/shell/graph_build.h"
#include "coordinator/shell/run_build.h"

namespace extfarm {
namespace {

std::uint32_t core_count() {
  cpu_set_t set;
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<std::uint32_t>(CPU_COUNT(&set)) : 1;
}

int run_without_farm(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  std::fprintf(stderr, "extfarm: %s: %s\n", argv[0], std::strerror(errno));
  return errno == ENOENT ? 127 : 126;
}

}  // namespace

BuildCommands::BuildCommands(CLI::App& app, SharedOptions& shared)
    : shared_(shared),
      run_(app.add_subcommand("run", "Run a build; its compiles go to the workers")),
      build_(app.add_subcommand("build", "Run a whole graph from a file, without another build tool")),
      verify_(app.add_subcommand("verify", "Run a build twice, plain and on the farm, and explain each difference")) {
  for (auto* command : {run_, build_, verify_}) add_shared(*command);
  for (auto* command : {run_, build_}) add_farming(*command);
  add_run();
  add_build();
  add_verify();
}

void BuildCommands::add_shared(CLI::App& command) {
  command.add_flag("-q,--quiet", shared_.run.quiet, "Add not one byte to the commands' own output");
  command.add_flag("-v,--verbose", shared_.run.verbose, "A line for each action");
  command.add_flag("--force", shared_.run.force, "Run every action that is asked for, also those that are up to date");
  command.add_flag("!--no-store", shared_.run.use_store, "Neither take results of earlier builds from the store nor keep any");
  command.add_option("--store", shared_.run.store_folder,
                      "Folder of earlier results, also a team's on the shared filesystem; default: EXTFARM_STORE, "
                      "else .extfarm/store")
      ->type_name("DIR");
  command.add_option("--store-limit", shared_.run.store_limit_bytes, "The store's largest size, such as 500MB or 2GB")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("BYTES")
      ->default_str("2GB");
  command.add_option("-j,--jobs", jobs_, "Local slots; default: EXTFARM_JOBS, MAKE, MAKEFLAGS, else the cores. auto: the default, and the "
                      "command's make and ninja keep as many jobs under way as the farm takes")
      ->type_name("N")
      ->check([](const std::string& text) {
        return text == "auto" ? "" : complaint_about_count(text, "or auto, which follows the farm");
      });
  command.add_option("--local", local_, "The same; 0 starts no local worker")
      ->type_name("N")
      ->check([](const std::string& text) {
        return text == "0" ? "" : complaint_about_count(text, "or 0 for no worker on this host");
      });
  command.add_option("--rendezvous", shared_.run.rendezvous, "Folder where workers announce themselves")
      ->type_name("DIR")
      ->capture_default_str();
  command.add_option("--workers", shared_.workers, "Endpoints, separated by spaces, in place of all that announce themselves");
  command.add_option("--key-folder", shared_.run.key_folder, "Folder of client.key")->type_name("DIR")->capture_default_str();
}

void BuildCommands::add_farming(CLI::App& command) {
  command.add_flag("--top", shared_.run.top, "On a terminal, show at its foot what each worker does");
  command.add_option("--verify", shared_.run.verified_per_thousand,
                      "Make so many in 1,000 results again on another host, and do without a host that disagrees")
      ->check(CLI::Range(0, 1000))
      ->type_name("N");
}

void BuildCommands::add_run() {
  run_->add_flag("--masquerade", shared_.run.masquerade,
                "Put links named gcc, g++, cc, clang, … first on the command's PATH, for builds that name their compiler");
  run_->add_option("--farm-tool", shared_.run.farm_tools,
                  "Send this program to workers as well, such as swig or f2py; may be repeated")
      ->type_name("PROGRAM")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  run_->add_option("command", shared_.run.command, "The build's command, after --")->type_name("COMMAND")->required();
  run_->positionals_at_end();
}

void BuildCommands::add_verify() {
  verify_->add_option("command", shared_.run.command, "The build's command, after --")->type_name("COMMAND")->required();
  verify_->positionals_at_end();
  verify_->add_option("--also", verify_options_.also, "Another folder that the command writes to; may be repeated")->type_name("DIR");
  verify_->add_option("--scratch", verify_options_.scratch, "Where the plain build's copy is made; default: TMPDIR or /tmp")->type_name("DIR");
  verify_->add_flag("--keep", verify_options_.keep, "Leave the plain build's files there");
}

void BuildCommands::add_build() {
  build_->add_option("--manifest", manifest_, "The graph, as doc/manifest.md describes it; - is standard input")->type_name("FILE");
  build_->add_option("--compdb", database_, "The graph as a compilation database, such as compile_commands.json")
      ->type_name("FILE")
      ->excludes("--manifest");
  build_->add_flag("-k,--keep-going", shared_.run.keep_going, "Go on with what does not depend on a step that failed");
  build_->add_option("target", shared_.run.targets, "Outputs, ids or groups to build; default: all")->type_name("TARGET");
}

void BuildCommands::settle_slots() {
  RunOptions& options = shared_.run;
  options.jobs_follow_farm = jobs_ == "auto";
  if (options.jobs_follow_farm) jobs_.clear();
  options.core_count = core_count();
  options.local_slots = local_ == "0" ? 0
                                      : local_slots_from(local_.empty() ? jobs_ : local_, variable("EXTFARM_JOBS"), variable("MAKE"),
                                                         variable("MAKEFLAGS"), options.core_count, options.warnings);
}

std::optional<int> BuildCommands::run() {
  if (!run_->parsed() && !build_->parsed() && !verify_->parsed()) return std::nullopt;
  RunOptions& options = shared_.run;
  // Inside another `extfarm run` its coordinator serves this command as well.
  if (run_->parsed() && (!variable("EXTFARM_DISABLE").empty() || front_door::is_open(variable("EXTFARM_SOCKET"))))
    return run_without_farm(options.command);
  options.graph_file = manifest_.empty() ? database_ : manifest_;
  if (options.graph_file == "-") options.graph_file = "/dev/stdin";
  options.is_compilation_database = manifest_.empty();
  if (build_->parsed() && options.graph_file.empty()) {
    std::fprintf(stderr, "extfarm: name the graph: extfarm build --manifest FILE, or --compdb FILE\n");
    return 2;
  }
  split_words(shared_.workers, options.workers);
  options.project_root = std::filesystem::current_path().string();
  settle_slots();
  if (verify_->parsed()) {
    verify_options_.run = options;
    return verify(verify_options_);
  }
  return build_->parsed() ? build_graph(options) : run_build(options);
}

}  // namespace extfarm
