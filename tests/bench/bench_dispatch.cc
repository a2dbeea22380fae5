// No-op actions through real sockets with CURVE: the scheduler, the codec, the
// channels and the workers' sessions as they are, with nothing to execute; and
// beside it, in turn, a bare ROUTER with DEALERs: a request and an answer of the
// same sizes for each action, as many under way.  Workers are processes of their own.
//   bench_dispatch [--json FILE] [ACTIONS]
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <set>

#include "common/protocol/codec.h"
#include "common/transport/channel.h"
#include "coordinator/scheduling/scheduler.h"
#include "tests/bench/bare_sockets.h"
#include "tests/bench/far_ends.h"
#include "tests/bench/results.h"
#include "worker/session/session.h"

namespace extfarm::bench {
namespace {

constexpr std::uint32_t kSlots = 8;
constexpr int kRounds = 7;
constexpr CoordinatorId kCoordinator{1};

// As an ordinary C compile would be.
Action sample_action(std::uint64_t id) {
  Action action;
  action.id = {id};
  action.kind = ActionKind::kCompile;
  action.program = "/usr/bin/x86_64-linux-gnu-gcc";
  action.argv = {"x86_64-linux-gnu-gcc", "-Wall", "-O2", "-fPIC", "-I/usr/include/python3.11", "-c", "pkg/module.c",
                 "-o", "build/temp.linux-x86_64-cpython-311/pkg/module.o"};
  action.environment = {{"LANG", "C.UTF-8"}, {"PATH", "/usr/local/bin:/usr/bin:/bin"}};
  action.cwd = "/home/ada/project";
  action.inputs = {"/home/ada/project/pkg/module.c"};
  action.outputs = {"/home/ada/project/build/temp.linux-x86_64-cpython-311/pkg/module.o"};
  action.view_roots = {"/home/ada/project"};
  action.toolchain = {"/usr/bin/x86_64-linux-gnu-gcc", {}};
  return action;
}

Outcome sample_outcome() {
  Outcome outcome;
  outcome.outcome_class = OutcomeClass::kSucceeded;
  outcome.run_time = std::chrono::microseconds(10);
  for (int i = 0; i < 20; ++i)
    outcome.attestation.inputs.push_back({"/usr/include/python3.11/cpython/header" + std::to_string(i) + ".h", digest_of("x")});
  outcome.attestation.outputs.push_back({sample_action(1).outputs[0], OutputKind::kFile, 0644, 0, digest_of(""), ""});
  return outcome;
}

// ---- a worker: the real session over a real channel; an attempt ends as it starts
void run_worker(const KeyPair& own, const std::string& client_key, int tell_endpoint) {
  auto made = make_bound_channel("tcp://127.0.0.1:*", own, {client_key});
  if (!made) fail(made.error().message);
  auto& channel = **made;
  FarEnds::tell(tell_endpoint, channel.bound_endpoint());
  session::SessionPolicy policy;
  policy.slots = kSlots;
  session::Session session(policy);
  PeerId peer;
  std::uint64_t sequence = 1;
  const Outcome outcome = sample_outcome();
  std::vector<session::Event> events;
  const auto send = [&](const protocol::ToCoordinator& message) { channel.post(peer, [&](std::string& frame) { protocol::append(frame, message); }); };
  while (true) {
    const auto deadline = session.next_deadline();
    channel.wait(-1, deadline ? std::max(Duration{0}, *deadline - now()) : Duration{std::chrono::seconds(1)});
    while (auto envelope = channel.receive()) {
      peer = envelope->peer;
      const auto message = protocol::decode_to_worker(envelope->bytes);
      if (!message) ::_exit(1);
      if (const auto* hello = std::get_if<protocol::Hello>(&*message))
        events.push_back(session::HelloReceived{kCoordinator, hello->leases_known, !hello->has_heard});
      if (const auto* start = std::get_if<protocol::StartAction>(&*message)) events.push_back(session::StartRequested{kCoordinator, start->lease});
      if (const auto* revoke = std::get_if<protocol::RevokeLease>(&*message)) events.push_back(session::RevokeRequested{kCoordinator, revoke->lease});
    }
    events.push_back(session::TimeAdvanced{});
    for (std::size_t i = 0; i < events.size(); ++i) {
      const session::Event event = events[i];
      for (const auto& command : session.handle(now(), event)) {
        if (const auto* begin = std::get_if<session::StartAttempt>(&command)) {
          events.push_back(session::AttemptFinished{kCoordinator, begin->lease});
        } else if (const auto* report = std::get_if<session::SendReport>(&command)) {
          send(protocol::Report{report->lease, outcome, {""}});
        } else if (const auto* beat = std::get_if<session::SendHeartbeat>(&command)) {
          protocol::Heartbeat heartbeat;
          heartbeat.sequence = sequence++;
          heartbeat.worker_name = "lab01-4711";
          heartbeat.host = "lab01";
          heartbeat.slots = beat->slots;
          heartbeat.knows_coordinator = beat->knows_coordinator;
          for (const auto& held : beat->leases) heartbeat.leases.push_back({held.lease, held.phase});
          send(heartbeat);
        }
      }
    }
    events.clear();
  }
}

struct Figures {
  double per_second = 0, cpu_microseconds = 0;
  std::vector<double> latencies_ms;  // from request to outcome, one at a time
};

// ---- the coordinator: the real scheduler over real channels
class Coordinator {
 public:
  Coordinator(const KeyPair& own, const KeyPair& worker, const FarEnds& workers)
      : channel_(std::move(*make_connecting_channel(own))), start_(now()) {
    for (std::size_t i = 0; i < workers.lines().size(); ++i) {
      const auto peer = channel_->connect("w" + std::to_string(i + 1), workers.lines()[i], worker.public_key);
      if (!peer) fail(peer.error().message);
      peers_.push_back(*peer);
    }
    known_.resize(peers_.size());
    while (joined_ < peers_.size()) {
      greet();
      turn(std::chrono::milliseconds(20));
    }
  }

  void submit() { tell(scheduling::ActionSubmitted{{++submitted_}, kToolchain, {}, 0.001, 0}); }
  void finish_all() {
    while (answered_ < submitted_) turn(std::chrono::milliseconds(200));
  }

 private:
  inline static const Digest kToolchain = digest_of("t");

  void send(const PeerId& peer, const protocol::ToWorker& message) { channel_->post(peer, [&](std::string& frame) { protocol::append(frame, message); }); }
  void greet() {
    for (std::size_t i = 0; i < peers_.size(); ++i) send(peers_[i], protocol::Hello{protocol::kVersion, 7, "h", "u", true, {known_[i].begin(), known_[i].end()}});
    greeted_ = now();
  }

  void turn(Duration wait) {
    channel_->wait(-1, wait);
    if (now() - greeted_ > std::chrono::seconds(1)) greet();
    while (auto envelope = channel_->receive()) {
      const auto message = protocol::decode_to_coordinator(envelope->bytes);
      if (!message) fail(message.error().message);
      const WorkerId worker{std::stoull(envelope->peer.substr(1))};
      if (const auto* beat = std::get_if<protocol::Heartbeat>(&*message)) {
        if (!beat->knows_coordinator) continue;
        if (seen_.insert(worker).second) {
          ++joined_;
          tell(scheduling::WorkerJoined{worker, false});
          tell(scheduling::ToolchainReported{worker, kToolchain, true});
        }
        scheduling::HeartbeatReceived e{worker, beat->sequence, beat->slots, false, {}};
        for (const auto& held : beat->leases) e.leases.push_back({held.lease, held.phase});
        tell(e);
      } else if (const auto* report = std::get_if<protocol::Report>(&*message)) {
        tell(scheduling::OutcomeReceived{worker, report->lease, report->outcome.outcome_class, report->outcome.run_time, "", 0});
      }
    }
    tell(scheduling::TimeAdvanced{});
  }

  void tell(const scheduling::Event& event) {
    for (const auto& command : scheduler_.handle({now() - start_}, event)) {
      if (const auto* check = std::get_if<scheduling::CheckFreshness>(&command)) {
        tell(scheduling::FreshnessChecked{check->action, false});
      } else if (const auto* start = std::get_if<scheduling::SendAction>(&command)) {
        known_[start->worker.value - 1].insert(start->lease);
        send(peers_[start->worker.value - 1], protocol::StartAction{start->lease, sample_action(start->action.value)});
      } else if (const auto* revoke = std::get_if<scheduling::RevokeLease>(&command)) {
        known_[revoke->worker.value - 1].erase(revoke->lease);
        send(peers_[revoke->worker.value - 1], protocol::RevokeLease{revoke->lease});
      } else if (const auto* publish = std::get_if<scheduling::PublishOutputs>(&command)) {
        tell(scheduling::OutputsPublished{publish->lease});
      } else if (const auto* answer = std::get_if<scheduling::AnswerFrontEnd>(&command)) {
        if (answer->answer != scheduling::Answer::kBuilt) fail("an action was not built: " + answer->reason);
        ++answered_;
      }
    }
  }

  std::unique_ptr<ConnectingChannel> channel_;
  scheduling::Scheduler scheduler_;
  Timestamp start_, greeted_;
  std::vector<PeerId> peers_;
  std::vector<std::set<LeaseId>> known_;
  std::set<WorkerId> seen_;
  std::size_t joined_ = 0;
  std::uint64_t submitted_ = 0, answered_ = 0;
};

Figures measure_farm(std::uint64_t actions, std::size_t worker_count) {
  const KeyPair own = make_key_pair(), worker = make_key_pair();
  FarEnds workers;
  for (std::size_t i = 0; i < worker_count; ++i)
    workers.start([&](int fd) { run_worker(worker, own.public_key, fd); });
  Figures out;
  {
    Coordinator coordinator(own, worker, workers);
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(actions / 10, 500); ++i) {
      const Timestamp began = now();
      coordinator.submit();
      coordinator.finish_all();
      out.latencies_ms.push_back(1e3 * seconds(now() - began));
    }
    const double cpu = cpu_seconds();
    const Timestamp began = now();
    for (std::uint64_t i = 0; i < actions; ++i) coordinator.submit();
    coordinator.finish_all();
    out.per_second = static_cast<double>(actions) / seconds(now() - began);
    out.cpu_microseconds = 1e6 * (cpu_seconds() - cpu) / static_cast<double>(actions);
  }
  return out;
}

// ---- the limit: the same numbers of bytes, nothing else
Figures measure_bare(std::uint64_t actions, std::size_t worker_count) {
  const std::string request = protocol::encode(protocol::ToWorker{protocol::StartAction{{1}, sample_action(1)}});
  const std::string answer = protocol::encode(protocol::ToCoordinator{protocol::Report{{1}, sample_outcome(), {""}}});
  BareSockets sockets(worker_count, answer.size());
  const double cpu = cpu_seconds();
  const Timestamp began = now();
  sockets.exchange(request, actions, 2 * kSlots);
  Figures out;
  out.per_second = static_cast<double>(actions) / seconds(now() - began);
  out.cpu_microseconds = 1e6 * (cpu_seconds() - cpu) / static_cast<double>(actions);
  return out;
}

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

struct Row {
  std::vector<double> per_second, bare_per_second, ratio, cpu, bare_cpu, latencies_ms;
};

// In turn, so that what else the machine does falls upon both.
Row measure(std::uint64_t actions, std::size_t workers) {
  Row row;
  for (int round = 0; round < kRounds; ++round) {
    const Figures bare = measure_bare(actions, workers), farm = measure_farm(actions, workers);
    row.per_second.push_back(farm.per_second);
    row.bare_per_second.push_back(bare.per_second);
    row.ratio.push_back(farm.per_second / bare.per_second);
    row.cpu.push_back(farm.cpu_microseconds);
    row.bare_cpu.push_back(bare.cpu_microseconds);
    row.latencies_ms.insert(row.latencies_ms.end(), farm.latencies_ms.begin(), farm.latencies_ms.end());
  }
  return row;
}

double median(const std::vector<double>& values) { return percentile(values, 0.5); }

}  // namespace
}  // namespace extfarm::bench

int main(int argc, char** argv) {
  using namespace extfarm::bench;
  const Arguments arguments(argc, argv);
  const std::uint64_t actions = arguments.number(10000);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  std::printf("%lu no-op actions, workers of %u slots, CURVE over loopback; medians of %d rounds in turn\n",
              static_cast<unsigned long>(actions), kSlots, kRounds);
  std::printf("%8s %12s %12s %7s %14s %14s %10s %10s\n", "workers", "actions/s", "bare/s", "ratio", "CPU us/action",
              "bare CPU us", "p50 ms", "p99 ms");
  for (const std::size_t workers : {1u, 4u, 16u}) {
    const Row row = measure(actions, workers);
    const double p50 = percentile(row.latencies_ms, 0.5), p99 = percentile(row.latencies_ms, 0.99);
    std::printf("%8zu %12.0f %12.0f %7.2f %14.1f %14.1f %10.2f %10.2f\n", workers, median(row.per_second),
                median(row.bare_per_second), median(row.ratio), median(row.cpu), median(row.bare_cpu), p50, p99);
    std::fflush(stdout);
    rows.push_back({{"workers", workers}, {"actions_per_second", median(row.per_second)},
                    {"bare_per_second", median(row.bare_per_second)}, {"ratio", median(row.ratio)},
                    {"cpu_microseconds", median(row.cpu)}, {"bare_cpu_microseconds", median(row.bare_cpu)},
                    {"p50_ms", p50}, {"p99_ms", p99}});
  }
  write_results(arguments, {{"benchmark", "dispatch"}, {"actions", actions}, {"rounds", kRounds}, {"rows", rows}});
}
