#include "coordinator/shell/doctor.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "common/transport/beacon.h"
#include "coordinator/diagnosis/checkup.h"
#include "coordinator/diagnosis/findings.h"
#include "coordinator/diagnosis/host_facts.h"
#include "coordinator/farm/action_intake.h"
#include "coordinator/shell/build_session.h"
#include "coordinator/shell/build_tree.h"
#include "coordinator/shell/embedded_worker.h"
#include "coordinator/shell/run_build.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;
using namespace diagnosis;

constexpr Duration kOwnWorkerStarts = std::chrono::seconds(5),
                   kLookAgainAfter = std::chrono::milliseconds(20);
constexpr Duration kPythonStarts = std::chrono::seconds(10);

// What this host offers to compare with.
struct OwnTools {
  PosixFilesystem filesystem;
  DigestCache digests{filesystem};
  ProcessRunner runner;
  ToolchainProbe probe{runner, digests};
};

void add_tool(const std::string& name, const ToolchainSpec& spec, bool is_needed, OwnTools& own,
              HostFacts& host) {
  if (const auto toolchain = own.probe.probe(spec)) host.tools.push_back({name, *toolchain, is_needed});
}

// Python with the Cython that a transpile would use; without Cython nothing of Python runs on workers.
void add_cython(OwnTools& own, HostFacts& host) {
  ProcessRequest request;
  request.program = find_program("python3");
  if (request.program.empty()) return;
  request.argv = {request.program, "-c",
                  "import os, sys, Cython; print(os.path.realpath(sys.executable)); "
                  "print(os.path.join(os.path.dirname(os.path.abspath(Cython.__file__)), 'Shadow.py'))"};
  for (const auto& [name, value] : own_environment()) request.environment.emplace_back(name, value);
  request.cwd = "/";
  const auto exit = own.runner.run(request, kPythonStarts);
  if (!exit || exit->exit_code != 0 || exit->signal != 0) return;
  const auto& said = exit->stdout_bytes;
  const auto first = said.find('\n'), second = said.find('\n', first + 1);
  if (second == std::string::npos) return;
  add_tool("python3 with Cython", {said.substr(0, first), {said.substr(first + 1, second - first - 1)}}, true,
           own, host);
}

void add_tools(const std::vector<std::string>& named, OwnTools& own, HostFacts& host) {
  for (const auto& name :
       named.empty() ? std::vector<std::string>{"gcc", "g++", "clang", "clang++"} : named) {
    const std::string program = find_program(name);
    const bool is_needed = !named.empty() || name.find("clang") == std::string::npos;
    if (!program.empty())
      add_tool(name, {program, {}}, is_needed, own, host);
    else if (!named.empty())
      host.missing_tools.push_back(name);
  }
  if (named.empty()) add_cython(own, host);
}

// A compile of the probe file, as a build would send it, but whatever compiler
// of that name the worker has.
std::optional<Action> small_compile(OwnTools& own, HostFacts& host) {
  if (host.tools.empty() || host.tools.front().toolchain.spec.driver.find("python") != std::string::npos) {
    host.probe.problem = "there is no compiler here";
    return std::nullopt;
  }
  ActionIntake intake(host.folder, own.probe);
  front_door::SubmitRequest request;
  const std::string source = fs::path(host.probe.path).filename().string();
  request.argv = {host.tools.front().toolchain.spec.driver, "-c", source, "-o",
                  fs::path(source).replace_extension(".o").string()};
  request.cwd = host.folder;
  request.environment = own_environment();
  request.has_environment = true;
  auto taken = intake.take(request);
  if (const auto* local = std::get_if<StaysLocal>(&taken)) {
    host.probe.problem = local->reason;
    return std::nullopt;
  }
  auto action = std::get<Action>(std::move(taken));
  action.id = ActionId{1};
  action.toolchain_digest = {};
  return action;
}

std::vector<Beacon> await_own_worker(EmbeddedWorker& worker, ProcessRunner& runner,
                                     const std::string& rendezvous, HostFacts& host) {
  const MonotonicClock clock;
  const auto give_up_at = clock.now() + kOwnWorkerStarts;
  while (clock.now() < give_up_at) {
    if (auto found = read_beacons(rendezvous).beacons; !found.empty()) return found;
    for (const auto& exit : runner.take_exits()) {
      if (exit.id != *worker.id()) continue;
      host.own_worker_problem = "no worker can run on this host: " + exit.stderr_bytes;
      return {};
    }
    std::this_thread::sleep_for(kLookAgainAfter);
  }
  host.own_worker_problem = "the worker of this host did not start in time";
  return {};
}

void add_workers(const RunOptions& options, const std::string& own_worker_key, Checkup& checkup,
                 HostFacts& host) {
  const auto reading = read_beacons(options.rendezvous);
  host.beacon_problems = reading.complaints;
  auto named = options.workers;
  for (const auto& beacon : reading.beacons) {
    const auto wanted = std::find(named.begin(), named.end(), beacon.endpoint);
    if (host.workers_are_named &&
        std::find(options.workers.begin(), options.workers.end(), beacon.endpoint) == options.workers.end())
      continue;
    if (wanted != named.end()) named.erase(wanted);
    WorkerFacts facts;
    facts.name = beacon.name;
    facts.host = beacon.host;
    facts.endpoint = beacon.endpoint;
    facts.beacon_path = options.rendezvous + "/" + beacon.name + ".json";
    facts.protocol_version = beacon.protocol_version;
    checkup.add(std::move(facts), beacon.public_key);
  }
  for (const auto& endpoint : named) {
    WorkerFacts facts;
    facts.host = facts.endpoint = endpoint;
    checkup.add(std::move(facts), own_worker_key);
  }
}

int say(const std::vector<Finding>& findings, bool as_json) {
  const std::string text = as_json ? json_of(findings) : text_of(findings);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return exit_code_of(findings);
}

}  // namespace

int doctor(const DoctorOptions& options) {
  std::error_code absent;
  const auto folder =
      fs::canonical(options.folder.empty() ? fs::current_path(absent) : fs::path(options.folder), absent);
  if (absent || !fs::is_directory(folder, absent)) {
    std::fprintf(stderr, "extfarm: there is no folder %s; name one that the workers should see\n",
                 options.folder.c_str());
    return kExitUsage;
  }
  HostFacts host;
  host.host = host_name();
  host.workers_are_named = !options.run.workers.empty();
  const auto keys = look_at_keys(options.run.key_folder, host);
  look_at_folders(options.run.rendezvous, folder.string(), host);
  if (!keys.client || !keys.worker) return say(findings_on(host, {}), options.as_json);
  auto channel = make_connecting_channel(*keys.client);
  if (!channel) {
    std::fprintf(stderr, "extfarm: %s\n", channel.error().message.c_str());
    return kExitRetry;
  }

  OwnTools own;
  add_tools(options.compilers, own, host);
  const auto probe = ProbeFile::make(host.folder);
  Questions questions{user_name(), host.host, {}, std::nullopt};
  if (probe) {
    host.probe = {probe->path(), probe->digest(), ""};
    questions.action = small_compile(own, host);
  } else {
    host.probe.problem = probe.error().message;
  }
  for (const auto& tool : host.tools) questions.tools.push_back(tool.toolchain.spec);

  const RuntimeFolder runtime;
  ProcessRunner runner;
  EmbeddedWorker worker(runner);
  const MonotonicClock clock;
  Checkup checkup(**channel, clock, std::move(questions));
  const std::string local_rendezvous = runtime.path() + "/workers";
  if (const auto started =
          worker.start(1, local_rendezvous, options.run.key_folder, runtime.path() + "/tools");
      !started) {
    host.own_worker_problem = started.error().message;
  } else {
    for (const auto& beacon : await_own_worker(worker, runner, local_rendezvous, host)) {
      WorkerFacts facts;
      facts.name = beacon.name;
      facts.host = beacon.host;
      facts.endpoint = beacon.endpoint;
      facts.is_own = true;
      checkup.add(std::move(facts), beacon.public_key);
    }
  }
  add_workers(options.run, keys.worker->public_key, checkup, host);
  const auto workers = checkup.run();
  worker.stop();

  auto findings = findings_on(host, workers);
  for (const auto& facts : workers) {
    for (auto& finding : findings_on(facts, host)) findings.push_back(std::move(finding));
  }
  return say(findings, options.as_json);
}

}  // namespace extfarm
