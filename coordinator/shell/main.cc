// extfarm: reads the command line and hands over.
#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "common/command_line/renderings.h"
#include "common/transport/keys.h"
#include "coordinator/front_door/front_door.h"
#include "coordinator/shell/doctor.h"
#include "coordinator/shell/explain.h"
#include "coordinator/shell/graph_build.h"
#include "coordinator/shell/history.h"
#include "coordinator/shell/report.h"
#include "coordinator/shell/run_build.h"
#include "coordinator/shell/slurm_workers.h"
#include "coordinator/shell/status.h"
#include "coordinator/shell/verify.h"

namespace {

using namespace extfarm;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

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

int show_keys(const std::string& folder) {
  const auto client = load_or_make_key_pair(folder, "client");
  const auto worker = load_or_make_key_pair(folder, "worker");
  for (const auto* key : {&client, &worker}) {
    if (*key) continue;
    std::fprintf(stderr, "extfarm: %s\n", key->error().message.c_str());
    return 78;
  }
  if (const auto allowed = load_or_make_authorized_keys(folder, client->public_key); !allowed) {
    std::fprintf(stderr, "extfarm: %s\n", allowed.error().message.c_str());
    return 78;
  }
  std::printf("client key  %s\nworker key  %s\n", client->public_key.c_str(), worker->public_key.c_str());
  std::printf(
      "To let this client use another user's workers, add its client key as a line to\n"
      "~/.extfarm/authorized_keys there.\n");
  return 0;
}

void split_words(const std::string& text, std::vector<std::string>& out) {
  std::istringstream words(text);
  for (std::string word; words >> word;) out.push_back(word);
}

}  // namespace

int main(int argc, char** argv) {
  RunOptions options;
  options.key_folder = home_folder() + "/.extfarm";
  options.rendezvous = variable("EXTFARM_RENDEZVOUS").empty() ? home_folder() + "/.extfarm/workers"
                                                              : variable("EXTFARM_RENDEZVOUS");
  options.store_folder = variable("EXTFARM_STORE");
  std::string jobs, workers = variable("EXTFARM_WORKERS"), local;

  CLI::App app{
      "extfarm builds the C, C++, Cython and Fortran extensions of a project on every machine in the lab.\n"
      "  extfarm run -- python3 setup.py build_ext --inplace\n"
      "gives the same bytes as the command alone, sooner. Start extfarm-worker on each lab machine\n"
      "that sees the shared filesystem; without any, the build runs on this machine's cores.",
      "extfarm"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "extfarm " EXTFARM_VERSION);
  auto* run = app.add_subcommand("run", "Run a build; its compiles go to the workers");
  auto* build = app.add_subcommand("build", "Run a whole graph from a file, without another build tool");
  auto* verification = app.add_subcommand("verify", "Run a build twice, plain and on the farm, and explain each difference");
  for (auto* command : {run, build, verification}) {
    command->add_flag("-q,--quiet", options.quiet, "Add not one byte to the commands' own output");
    command->add_flag("-v,--verbose", options.verbose, "A line for each action");
    command->add_flag("--force", options.force, "Run every action that is asked for, also those that are up to date");
    command->add_flag("!--no-store", options.use_store, "Neither take results of earlier builds from the store nor keep any");
    command->add_option("--store", options.store_folder,
                        "Folder of earlier results, also a team's on the shared filesystem; default: EXTFARM_STORE, "
                        "else .extfarm/store")
        ->type_name("DIR");
    command->add_option("--store-limit", options.store_limit_bytes, "The store's largest size, such as 500MB or 2GB")
        ->transform(CLI::AsSizeValue(false))
        ->type_name("BYTES")
        ->default_str("2GB");
    command->add_option("-j,--jobs", jobs, "Local slots; default: EXTFARM_JOBS, MAKE, MAKEFLAGS, else the cores. auto: the default, and the "
                        "command's make and ninja keep as many jobs under way as the farm takes")
        ->type_name("N")
        ->check([](const std::string& text) {
          return text == "auto" ? "" : complaint_about_count(text, "or auto, which follows the farm");
        });
    command->add_option("--local", local, "The same; 0 starts no local worker")
        ->type_name("N")
        ->check([](const std::string& text) {
          return text == "0" ? "" : complaint_about_count(text, "or 0 for no worker on this host");
        });
    command->add_option("--rendezvous", options.rendezvous, "Folder where workers announce themselves")
        ->type_name("DIR")
        ->capture_default_str();
    command->add_option("--workers", workers, "Endpoints, separated by spaces, in place of all that announce themselves");
    command->add_option("--key-folder", options.key_folder, "Folder of client.key")->type_name("DIR")->capture_default_str();
  }
  for (auto* command : {run, build}) {
    command->add_flag("--top", options.top, "On a terminal, show at its foot what each worker does");
    command->add_option("--verify", options.verified_per_thousand,
                        "Make so many in 1,000 results again on another host, and do without a host that disagrees")
        ->check(CLI::Range(0, 1000))
        ->type_name("N");
  }
  run->add_flag("--masquerade", options.masquerade,
                "Put links named gcc, g++, cc, clang, … first on the command's PATH, for builds that name their compiler");
  run->add_option("--farm-tool", options.farm_tools,
                  "Send this program to workers as well, such as swig or f2py; may be repeated")
      ->type_name("PROGRAM")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  run->add_option("command", options.command, "The build's command, after --")->type_name("COMMAND")->required();
  run->positionals_at_end();
  VerifyOptions verify_options;
  verification->add_option("command", options.command, "The build's command, after --")->type_name("COMMAND")->required();
  verification->positionals_at_end();
  verification->add_option("--also", verify_options.also, "Another folder that the command writes to; may be repeated")->type_name("DIR");
  verification->add_option("--scratch", verify_options.scratch, "Where the plain build's copy is made; default: TMPDIR or /tmp")->type_name("DIR");
  verification->add_flag("--keep", verify_options.keep, "Leave the plain build's files there");
  std::string manifest, database;
  build->add_option("--manifest", manifest, "The graph, as doc/manifest.md describes it; - is standard input")->type_name("FILE");
  build->add_option("--compdb", database, "The graph as a compilation database, such as compile_commands.json")
      ->type_name("FILE")
      ->excludes("--manifest");
  build->add_flag("-k,--keep-going", options.keep_going, "Go on with what does not depend on a step that failed");
  build->add_option("target", options.targets, "Outputs, ids or groups to build; default: all")->type_name("TARGET");
  auto* keys = app.add_subcommand("keys", "Show this user's public keys; makes them at first");
  keys->add_option("--key-folder", options.key_folder, "Folder of the keys")->type_name("DIR")->capture_default_str();
  StatusOptions status_options;
  auto* status = app.add_subcommand("status", "List the workers that have announced themselves; with --serve, show the running build on a page");
  status->add_option("--rendezvous", options.rendezvous, "Folder where workers announce themselves")
      ->type_name("DIR")
      ->capture_default_str();
  status->add_option("--serve", status_options.serve, "Serve a page that follows the builds in the current folder; default: 127.0.0.1:7180")
      ->type_name("ADDRESS")
      ->expected(0, 1)
      ->default_str("");
  status->add_flag("--to-network", status_options.to_network, "An address that other machines reach may be served");
  bool as_json = false;
  status->add_flag("--json", as_json, "The workers as JSON, as doc/json.md describes it");
  DoctorOptions doctor_options;
  auto* check = app.add_subcommand("doctor", "Say what stands in the way of builds, on this host and on each worker, and what to do about it");
  check->add_option("folder", doctor_options.folder, "What the workers should see; default: the current folder")->type_name("DIR");
  check->add_option("--compiler", doctor_options.compilers,
                    "Compare this compiler; may be repeated. Default: gcc, g++, clang, clang++ and Python with Cython, those that are here")
      ->type_name("PROGRAM")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  check->add_flag("--json", doctor_options.as_json, "Findings as JSON");
  check->add_option("--rendezvous", options.rendezvous, "Folder where workers announce themselves")->type_name("DIR")->capture_default_str();
  check->add_option("--workers", workers, "Endpoints, separated by spaces, in place of all that announce themselves");
  check->add_option("--key-folder", options.key_folder, "Folder of the keys")->type_name("DIR")->capture_default_str();
  SlurmWorkersOptions slurm_options;
  slurm_options.job.rendezvous = options.rendezvous;
  slurm_options.job.key_folder = options.key_folder;
  auto* kept = app.add_subcommand("workers", "Keep workers on a cluster while builds have work for them");
  kept->require_subcommand(1);
  add_slurm_options(*kept->add_subcommand("slurm", "Keep them as jobs in Slurm, as many as there is work for"), slurm_options);
  std::vector<std::string> targets;
  auto* explanation = app.add_subcommand("explain", "Say why actions ran in the last build, and whether they would now; without a "
                                                "target, which commands ran locally, and why");
  explanation->add_option("target", targets, "An output, a source or an extension's name")->type_name("TARGET");
  explanation->add_flag("--json", as_json, "The same as JSON, as doc/json.md describes it");
  auto* past = app.add_subcommand("history", "Say how long actions took in the last builds of this folder, with how much memory, and where; "
                                         "without a target, the slowest");
  past->add_option("target", targets, "An output, a source or an extension's name")->type_name("TARGET");
  past->add_flag("--json", as_json, "All of it as JSON, as doc/json.md describes it");
  auto* report = app.add_subcommand("report", "Say how the last build of this folder went, and where its page lies");
  bool is_opened = false;
  report->add_flag("--open", is_opened, "Show the page, too, with xdg-open");
  report->add_flag("--json", as_json, "The last build as JSON, as doc/json.md describes it")->excludes("--open");
  std::string form;
  auto* completions = app.add_subcommand("completions", "Print what a shell needs to complete extfarm's options: source <(extfarm completions bash)");
  completions->add_option("form", form, "The shell; man: the options for manual pages")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kForms), std::end(kForms))));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (keys->parsed()) return show_keys(options.key_folder);
  if (completions->parsed()) return std::fputs(rendered(description_of(app), form).c_str(), stdout) < 0;
  if (status->parsed()) {
    status_options.rendezvous = options.rendezvous;
    status_options.folder = std::filesystem::current_path().string();
    status_options.as_json = as_json;
    if (status->count("--serve") > 0 && !status_options.serve) status_options.serve = "";
    return show_status(status_options);
  }
  if (kept->parsed()) return keep_slurm_workers(slurm_options);
  if (check->parsed()) {
    split_words(workers, options.workers);
    doctor_options.run = options;
    return doctor(doctor_options);
  }
  const std::string here = std::filesystem::current_path().string();
  if (explanation->parsed() && targets.empty()) return explain_local(here, as_json);
  if (explanation->parsed()) return explain(here, targets, as_json);
  if (past->parsed()) return show_history(here, targets, as_json);
  if (report->parsed())
    return show_report(here, as_json ? ReportForm::kJson : is_opened ? ReportForm::kOpened : ReportForm::kText);
  if (run->parsed() && !variable("EXTFARM_DISABLE").empty()) return run_without_farm(options.command);
  // Inside another `extfarm run`: its coordinator serves this command as well.
  if (run->parsed() && front_door::is_open(variable("EXTFARM_SOCKET"))) return run_without_farm(options.command);

  options.graph_file = manifest.empty() ? database : manifest;
  if (options.graph_file == "-") options.graph_file = "/dev/stdin";
  options.is_compilation_database = manifest.empty();
  if (build->parsed() && options.graph_file.empty()) {
    std::fprintf(stderr, "extfarm: name the graph: extfarm build --manifest FILE, or --compdb FILE\n");
    return 2;
  }
  options.jobs_follow_farm = jobs == "auto";
  if (options.jobs_follow_farm) jobs.clear();
  split_words(workers, options.workers);
  options.project_root = here;
  options.core_count = core_count();
  if (local == "0") {
    options.local_slots = 0;
  } else {
    options.local_slots =
        local_slots_from(local.empty() ? jobs : local, variable("EXTFARM_JOBS"), variable("MAKE"),
                         variable("MAKEFLAGS"), options.core_count, options.warnings);
  }
  if (verification->parsed()) {
    verify_options.run = options;
    return verify(verify_options);
  }
  return build->parsed() ? build_graph(options) : run_build(options);
}
