// extfarm-worker: reads its settings, joins the rooms, runs the loop.
#include <malloc.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <random>

#include "common/process/descriptor_limit.h"
#include "common/system/filesystem.h"
#include "worker/shell/calibration.h"
#include "worker/shell/worker_loop.h"

namespace {

constexpr int kExitConfiguration = 78;
// Larger pieces of memory go back to the system when they are free.  By itself malloc would keep, for as long as the
// worker lives, what the largest file took that was ever read.
constexpr int kReturnedFromBytes = 1 << 20;

int refuse(const std::string& message) {
  std::fprintf(stderr, "extfarm-worker: %s\n", message.c_str());
  return kExitConfiguration;
}

// Others cannot reach "0.0.0.0": this host's name takes its place.
std::string reachable(const std::string& endpoint, const extfarm::WorkerSettings& settings) {
  const auto colon = endpoint.rfind(':');
  const std::string address = endpoint.substr(6, colon - 6);
  const bool any = address == "0.0.0.0" || address == "*" || address == "[::]";
  if (!settings.advertise.empty()) return "tcp://" + settings.advertise + endpoint.substr(colon);
  return any ? "tcp://" + extfarm::host_name() + endpoint.substr(colon) : endpoint;
}

extfarm::ExecutorSettings execution_of(const extfarm::WorkerSettings& settings, const std::string& name) {
  using namespace extfarm;
  ExecutorSettings execution;
  execution.scratch = settings.scratch + "/" + name;
  execution.permitted_roots = settings.roots;
  execution.trusted_prefixes = settings.trusted;
  execution.only_compilers = settings.only_compilers;
  execution.force_direct = settings.direct;
  for (const char* key : {"/worker.key", "/client.key"})
    execution.hidden_files.push_back(std::filesystem::absolute(settings.key_folder + key).string());
  execution.limits.memory_bytes = std::min(settings.memory_bytes, usable_memory_bytes());
  execution.limits.nice = settings.nice;
  execution.idle_priority = settings.idle_priority;
  execution.time_limit = settings.time_limit;
  return execution;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace extfarm;
  int exit_code = 2;
  auto settings = read_worker_settings(argc, argv, exit_code);
  if (!settings) {
    if (!settings.error().message.empty())
      std::fprintf(stderr, "extfarm-worker: %s\n", settings.error().message.c_str());
    return exit_code;
  }
  ::mallopt(M_MMAP_THRESHOLD, kReturnedFromBytes);
  block_signals();
  if (settings->exit_with_parent) ::prctl(PR_SET_PDEATHSIG, SIGHUP);
  spdlog::set_default_logger(spdlog::stderr_color_mt("extfarm-worker"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S %l %v");
  if (settings->quiet) spdlog::set_level(spdlog::level::err);

  Presence presence({settings->courtesy.minds_people, settings->courtesy.minds_load, settings->nice > 0, settings->utmp});
  if (const auto possible = presence.check(); !possible) return refuse(possible.error().message);
  const auto own = load_or_make_key_pair(settings->key_folder, "worker");
  if (!own) return refuse(own.error().message);
  const auto client = load_or_make_key_pair(settings->key_folder, "client");
  if (!client) return refuse(client.error().message);
  const auto allowed = load_or_make_authorized_keys(settings->key_folder, client->public_key);
  if (!allowed) return refuse(allowed.error().message);
  const MonotonicClock clock;
  std::random_device random;
  Beacon beacon;
  beacon.protocol_version = protocol::kVersion;
  beacon.epoch = static_cast<std::uint64_t>(random()) << 32 | random();
  beacon.host = host_name();
  beacon.name = beacon.host + "-" + std::to_string(::getpid()) + "-" + std::to_string(beacon.epoch % 100000);
  beacon.public_key = own->public_key;
  beacon.slots = beacon.offered_slots = settings->slots;
  beacon.label = settings->label;

  // Its fork server is a copy of this process, which has no other threads yet: none that might hold a lock.
  Executor executor(execution_of(*settings, beacon.name), clock);
  if (!settings->tools.empty()) executor.recall_tools(PosixFilesystem().read(settings->tools).value_or(""));

  auto channel = make_bound_channel(settings->bind, *own, *allowed);
  if (!channel) return refuse(channel.error().message);
  beacon.endpoint = reachable((*channel)->bound_endpoint(), *settings);
  // The worker of one build starts for it, and it would wait.
  if (!settings->exit_with_parent && settings->measured_speed == 0) settings->measured_speed = measure_speed();

  Admission admission(settings->key_folder, client->public_key, *allowed);
  // Each connection is a descriptor, also one of a stranger until the handshake's
  // time is up.  Not before the fork server has started: commands keep the usual limit.
  raise_descriptor_limit();
  WorkerLoop loop(*settings, beacon, **channel, executor, clock, admission, presence);
  if (const auto written = write_beacon(settings->rendezvous, beacon); !written)
    return refuse(written.error().message);
  spdlog::info("worker.ready name={} endpoint={} slots={} speed={} view={} missing=\"{}\" {}", beacon.name, beacon.endpoint,
               beacon.slots, settings->measured_speed, executor.mode() == ViewMode::kPrivate ? "private" : "direct",
               executor.missing_confinement(), executor.mode_reason());
  const int ended = loop.run();
  remove_beacon(settings->rendezvous, beacon);
  return ended;
}
