#include "coordinator/diagnosis/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace extfarm::diagnosis {
namespace {

constexpr const char* kMount = "mount the same filesystem at the same path there";

std::string gib(std::uint64_t bytes) {
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1ull << 30));
}

// "what; what to do" apart.
std::pair<std::string, std::string> parted(const std::string& message, const std::string& otherwise) {
  const auto at = message.find("; ");
  if (at == std::string::npos) return {message, otherwise};
  return {message.substr(0, at), message.substr(at + 2)};
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// Collects what is found in one place.
class Findings {
 public:
  explicit Findings(std::string where) : where_(std::move(where)) {}
  void ok(Subject subject, std::string what) {
    add({Level::kOk, where_, subject, std::move(what), "", false});
  }
  void warning(Subject subject, std::string what, std::string remedy) {
    add({Level::kWarning, where_, subject, std::move(what), std::move(remedy), false});
  }
  void problem(Subject subject, std::string what, std::string remedy) {
    add({Level::kProblem, where_, subject, std::move(what), std::move(remedy), false});
  }
  void misconfigured(Subject subject, std::string what, std::string remedy) {
    add({Level::kProblem, where_, subject, std::move(what), std::move(remedy), true});
  }
  std::vector<Finding> take() { return std::move(found_); }

 private:
  void add(Finding finding) { found_.push_back(std::move(finding)); }
  std::string where_;
  std::vector<Finding> found_;
};

std::string how_far_off(std::int64_t ahead_ns) {
  return fmt::format("{:.1f} s {}", std::abs(static_cast<double>(ahead_ns)) * 1e-9,
                     ahead_ns > 0 ? "ahead of" : "behind");
}

void look_at_keys(const HostFacts& host, Findings& out) {
  for (const auto& problem : host.key_problems) {
    auto [what, remedy] = parted(problem, "see that " + host.key_folder + " can be read and written");
    out.misconfigured(Subject::kKeys, what, remedy);
  }
  if (host.key_folder_is_open)
    out.misconfigured(Subject::kKeys, "others may write to " + host.key_folder + ", and so may replace keys",
                      "run: chmod go-w " + host.key_folder);
  if (!host.admits_itself)
    out.warning(Subject::kKeys, host.key_folder + "/authorized_keys does not have this user's own key",
                "add the line " + host.public_key + ", or this user's workers refuse this user's builds");
  if (host.key_problems.empty() && !host.key_folder_is_open)
    out.ok(Subject::kKeys, "keys in " + host.key_folder + ", readable by this user only");
}

void look_at_rendezvous(const HostFacts& host, const std::vector<WorkerFacts>& workers, Findings& out) {
  for (const auto& problem : host.beacon_problems) {
    auto [what, remedy] = parted(problem, "remove it");
    out.warning(Subject::kRendezvous, what, remedy);
  }
  const auto count =
      std::count_if(workers.begin(), workers.end(), [](const auto& worker) { return !worker.is_own; });
  if (host.workers_are_named)
    return out.ok(Subject::kRendezvous, fmt::format("{} endpoints are named", count));
  const bool is_shared =
      host.rendezvous_is_on_network || std::any_of(workers.begin(), workers.end(), [&](const auto& worker) {
        return !worker.is_own && worker.host != host.host;
      });
  if (!host.rendezvous_exists || count == 0)
    out.warning(Subject::kRendezvous,
                host.rendezvous_exists ? "no worker has announced itself in " + host.rendezvous
                                       : "there is no folder " + host.rendezvous,
                "start extfarm-worker on each lab machine, with this folder as --rendezvous; until then "
                "builds run here");
  else if (!is_shared)
    out.warning(Subject::kRendezvous,
                host.rendezvous +
                    " lies on this host's own disk, where workers of other hosts cannot announce themselves",
                "name a folder on the shared filesystem with EXTFARM_RENDEZVOUS and --rendezvous");
  else if (!host.rendezvous_is_writable)
    out.warning(Subject::kRendezvous, "this user cannot write to " + host.rendezvous,
                "workers of this user need another --rendezvous; builds need only to read it");
  else
    out.ok(Subject::kRendezvous, fmt::format("{} beacons in {}", count, host.rendezvous));
}

void look_at_folder(const HostFacts& host, const Thresholds& limits, Findings& out) {
  if (!host.clock_skew_ns)
    out.misconfigured(Subject::kFolder, "no file can be made in " + host.folder,
                      "name a folder that this user may write to");
  else if (host.folder_is_on_network)
    out.ok(Subject::kFolder, host.folder + " lies on a network filesystem");
  else
    out.ok(Subject::kFolder, host.folder + " lies on this host; what workers see of it is said below");
  if (host.clock_skew_ns && std::abs(*host.clock_skew_ns) > limits.clocks_differ.count())
    out.warning(Subject::kClock,
                "the clock that stamps files in " + host.folder + " is " + how_far_off(*host.clock_skew_ns) +
                    " this host's",
                "turn time synchronisation on, here and on the file server; make goes by these stamps");
  else if (host.clock_skew_ns)
    out.ok(Subject::kClock, "this host's clock is the one that stamps its files");
  if (!host.free_bytes) return;
  const std::string left = gib(*host.free_bytes) + " are free for " + host.folder + "/.extfarm";
  if (*host.free_bytes < limits.least_disk_bytes)
    out.misconfigured(Subject::kDisk, left, "make room there");
  else if (*host.free_bytes < limits.disk_bytes)
    out.warning(Subject::kDisk, left, "make room there, or give --store-limit or --no-store to builds");
  else
    out.ok(Subject::kDisk, left);
}

std::string or_remove_beacon(const WorkerFacts& worker) {
  return worker.beacon_path.empty() ? std::string{} : ", or remove its beacon " + worker.beacon_path;
}

void say_how_far_it_is_reached(const WorkerFacts& worker, Findings& out) {
  const std::string& at = worker.endpoint;
  const std::string stale = or_remove_beacon(worker);
  switch (worker.reach) {
    case Reach::kMalformed:
      out.misconfigured(Subject::kConnection, at + " is no endpoint: " + worker.reach_detail,
                        "write tcp://HOST:PORT");
      break;
    case Reach::kUnknownName:
      out.problem(
          Subject::kConnection, "this host does not know the name in " + at,
          "add it to the name service or /etc/hosts, or start the worker with --advertise ADDRESS" + stale);
      break;
    case Reach::kRefused:
      out.problem(Subject::kConnection,
                  "nothing listens at " + at + ": the worker died, or a firewall rejects the port",
                  "start extfarm-worker there again" + stale);
      break;
    case Reach::kUnreachable:
      out.problem(Subject::kConnection, at + " cannot be reached: " + worker.reach_detail,
                  "see that the host is on and the network leads there" + stale);
      break;
    case Reach::kSilent:
      out.problem(Subject::kConnection,
                  at + " does not answer: the host is off, or a firewall drops the port",
                  "switch it on, or open the port there" + stale);
      break;
    case Reach::kNotTried:
    case Reach::kOpen:
      out.problem(Subject::kConnection, "something listens at " + at + ", but answers no greeting",
                  "look at the worker's log there; restart it with the same extfarm as here" + stale);
      break;
  }
}

// True: there is more to be said of it.
bool look_at_connection(const WorkerFacts& worker, const HostFacts& host, Findings& out) {
  const std::string& at = worker.endpoint;
  const std::string stale = or_remove_beacon(worker);
  if (worker.protocol_version != protocol::kVersion) {
    out.problem(Subject::kConnection,
                fmt::format("the worker at {} speaks protocol version {}, this extfarm {}", at,
                            worker.protocol_version, protocol::kVersion),
                "install the same extfarm on both" + stale);
    return false;
  }
  switch (worker.greeting) {
    case Greeting::kAnswered:
      if (!worker.is_own)
        out.ok(Subject::kConnection,
               fmt::format("{} answers in {:.1f} ms", at, 1000 * seconds(worker.round_trip)));
      return true;
    case Greeting::kAnotherAnswered:
      out.warning(Subject::kConnection,
                  "the beacon " + worker.name + " is of a dead worker: another one answers at " + at,
                  "remove " + worker.beacon_path);
      return false;
    case Greeting::kKeyRefused:
      out.misconfigured(
          Subject::kConnection, "the worker at " + at + " does not admit this user's key",
          "add the line " + host.public_key + " to ~/.extfarm/authorized_keys of the worker's user");
      return false;
    case Greeting::kOtherKey:
      out.problem(Subject::kConnection,
                  "what listens at " + at + " did not prove the key that was expected of it",
                  worker.beacon_path.empty() ? "announce the worker by its beacon: a named endpoint is "
                                               "expected to have this user's worker key"
                                             : "restart the worker" + stale);
      return false;
    case Greeting::kNotTried:
    case Greeting::kSilent:
      break;
  }
  say_how_far_it_is_reached(worker, out);
  return false;
}

void look_at_attempt(const WorkerFacts& worker, const HostFacts& host, Findings& out) {
  const auto& probe = host.probe;
  if (!probe.problem.empty()) return;
  if (!worker.attempt)
    return out.problem(Subject::kFolder, "it returned no result of a small compile in " + host.folder,
                       "look at the worker's log there");
  if (worker.attempt->outcome_class == OutcomeClass::kGivenBack)
    return out.ok(Subject::kFolder, "what it sees of " + host.folder + " was not tried: it gives its slots back now");
  const auto& inputs = worker.attempt->attestation.inputs;
  const auto seen =
      std::find_if(inputs.begin(), inputs.end(), [&](const auto& input) { return input.path == probe.path; });
  if (seen != inputs.end() && seen->digest.is_zero())
    return out.problem(Subject::kFolder,
                       "its " + host.folder + " is another folder: a file made here is not there", kMount);
  if (seen != inputs.end() && seen->digest != probe.digest)
    return out.problem(Subject::kFolder, "it sees other bytes in a file just written to " + host.folder,
                       "mount that filesystem anew there; look for caches of attributes (NFS: actimeo)");
  if (worker.attempt->outcome_class == OutcomeClass::kSucceeded && seen != inputs.end())
    return out.ok(Subject::kFolder, worker.is_own ? "compiles in " + host.folder
                                                  : "sees " + host.folder + " as this host does");
  if (worker.attempt->reason.find("is the shared filesystem mounted") != std::string::npos)
    return out.problem(Subject::kFolder, "there is no folder " + host.folder, kMount);
  const std::string said =
      worker.attempt->reason.empty() ? first_line(worker.attempt->stderr_bytes) : worker.attempt->reason;
  auto [what, remedy] = parted(said, "look at the worker's log there");
  out.problem(Subject::kFolder, "a small compile in " + host.folder + " came to nothing: " + what, remedy);
}

// The paths of what is not the same; there where it is on both.
std::string differences(const std::vector<ToolchainComponent>& ours,
                        const std::vector<ToolchainComponent>& theirs) {
  std::string out;
  const auto add = [&](const std::string& text) { out += (out.empty() ? "" : ", ") + text; };
  const auto named = [](const auto& parts, const std::string& name) {
    return std::find_if(parts.begin(), parts.end(), [&](const auto& part) { return part.name == name; });
  };
  for (const auto& our : ours) {
    const auto their = named(theirs, our.name);
    if (their == theirs.end())
      add("no " + our.name + " there");
    else if (their->digest != our.digest)
      add(their->path + " differs");
  }
  for (const auto& their : theirs) {
    if (named(ours, their.name) == ours.end()) add("no " + their.name + " here but " + their.path + " there");
  }
  return out;
}

void look_at_tools(const WorkerFacts& worker, const HostFacts& host, Findings& out) {
  std::string same;
  for (const auto& tool : host.tools) {
    const auto complain = [&](const std::string& what, const std::string& remedy) {
      tool.is_needed ? out.problem(Subject::kTools, what, remedy)
                     : out.warning(Subject::kTools, what, remedy);
    };
    const auto answer = std::find_if(worker.tools.begin(), worker.tools.end(),
                                     [&](const auto& probed) { return probed.spec == tool.toolchain.spec; });
    if (answer == worker.tools.end())
      complain("it did not say in time what its " + tool.name + " is",
               "ask again; look at the worker's log there");
    else if (answer->found && answer->digest == tool.toolchain.digest)
      same += (same.empty() ? "" : ", ") + tool.name;
    else if (answer->found)
      complain(tool.name + " is another one: " + differences(tool.toolchain.components, answer->components),
               "install the same version there; until then no " + tool.name + " runs on it for this host");
    else
      complain(tool.name + " cannot be used: " + parted(answer->reason, "").first,
               parted(answer->reason, "install the same version there").second);
  }
  if (!same.empty()) out.ok(Subject::kTools, "the same " + same + " as here");
}

void look_at_condition(const WorkerFacts& worker, const Thresholds& limits, Findings& out) {
  const auto& beat = worker.heartbeat;
  if (!beat.has_private_views)
    out.warning(
        Subject::kView, "direct mode, which runs plain compiles and links only: " + beat.view_reason,
        "allow user namespaces there (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone=1, "
        "kernel.apparmor_restrict_unprivileged_userns=0), then restart the worker");
  else
    out.ok(Subject::kView, beat.missing_confinement.empty()
                               ? "private views"
                               : "private views, without " + beat.missing_confinement);
  const std::string left = gib(beat.free_scratch_bytes) + " are free in " + beat.scratch_folder;
  if (beat.free_scratch_bytes < limits.least_scratch_bytes)
    out.problem(Subject::kScratch, left, "make room there, or start the worker with --scratch DIR");
  else if (beat.free_scratch_bytes < limits.scratch_per_slot_bytes * beat.total_slots)
    out.warning(Subject::kScratch, left,
                fmt::format("{} slots may want more: make room there, or give the worker --scratch DIR",
                            beat.total_slots));
  else
    out.ok(Subject::kScratch, left);
  if (worker.is_own) return;
  if (std::abs(worker.clock_ahead_ns) > (limits.clocks_differ + worker.round_trip).count())
    out.warning(Subject::kClock, "its clock is " + how_far_off(worker.clock_ahead_ns) + " this host's",
                "turn time synchronisation on there (timedatectl set-ntp true)");
  else
    out.ok(Subject::kClock, "its clock agrees with this host's");
  if (beat.draining)
    out.warning(Subject::kSlots, "it is being drained and takes no more compiles",
                "start it again when it has ended");
  else if (!beat.offer_reason.empty())
    out.ok(Subject::kSlots, fmt::format("{} of {} slots: {}", beat.offered_slots, beat.total_slots, beat.offer_reason));
  else
    out.ok(Subject::kSlots,
           fmt::format("{} of its {} slots are for this user now", beat.slots, beat.total_slots));
}

}  // namespace

std::vector<Finding> findings_on(const WorkerFacts& worker, const HostFacts& host, const Thresholds& limits) {
  Findings out(worker.is_own ? host.host : worker.host);
  if (!look_at_connection(worker, host, out)) return out.take();
  look_at_attempt(worker, host, out);
  if (!worker.is_own) look_at_tools(worker, host, out);
  look_at_condition(worker, limits, out);
  return out.take();
}

std::vector<Finding> findings_on(const HostFacts& host, const std::vector<WorkerFacts>& workers,
                                 const Thresholds& limits) {
  Findings out(host.host);
  look_at_keys(host, out);
  look_at_rendezvous(host, workers, out);
  look_at_folder(host, limits, out);
  for (const auto& tool : host.missing_tools)
    out.misconfigured(Subject::kTools, "there is no " + tool + " here",
                      "install it, or leave it out of --compiler");
  if (!host.probe.problem.empty() && host.clock_skew_ns)
    out.warning(Subject::kFolder,
                "what workers see of " + host.folder + " was not tried: " + host.probe.problem,
                "builds from here run here for the same reason");
  if (!host.own_worker_problem.empty()) {
    auto [what, remedy] = parted(host.own_worker_problem, "start extfarm-worker by hand to see what it says");
    out.warning(Subject::kView, what, remedy);
  }
  return out.take();
}

}  // namespace extfarm::diagnosis
