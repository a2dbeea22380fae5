#include "tests/bench/virtual_farm.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>

namespace extfarm::bench {
namespace {

using simulation::Dice;
using simulation::TimeLine;
using Fault = Host::Fault;

const Digest kToolchain = digest_of("t");
constexpr double kTimeBoundSeconds = 1e6;

double lognormal(Dice& dice, double sigma) {
  const double radius = std::sqrt(-2 * std::log(1 - dice.unit()));
  return std::exp(sigma * radius * std::cos(6.283185307179586 * dice.unit()));
}

class Farm {
 public:
  Farm(const Graph& graph, const std::vector<Host>& hosts, const BuildSettings& settings)
      : graph_(graph), settings_(settings), dice_(settings.seed), scheduler_(settings.policy) {
    for (const auto& host : hosts) hosts_.emplace_back().host = host;
    waits_for_.resize(graph.steps.size());
    behind_.resize(graph.steps.size());
    for (std::uint32_t i = 0; i < graph.steps.size(); ++i) {
      waits_for_[i] = graph.steps[i].after.size();
      for (const auto before : graph.steps[i].after) behind_[before].push_back(i);
      remembered_.push_back(graph.steps[i].seconds * lognormal(dice_, settings.history_error));
    }
    tails_.resize(graph.steps.size());
    for (std::size_t i = graph.steps.size(); i-- > 0;) {
      for (const auto before : graph.steps[i].after)
        tails_[before] = std::max(tails_[before], remembered_[i] + tails_[i]);
    }
  }

  BuildResult run() {
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      if (const double when = hosts_[i].host.joins_at_seconds; when > 0)
        time_.at({from_seconds(when)}, [this, i] { join(i); });
      else
        join(i);
    }
    for (std::uint32_t i = 0; i < graph_.steps.size(); ++i) {
      if (waits_for_[i] == 0) submit(i);
    }
    while (answered_ < graph_.steps.size() && time_.step()) {
      if (now() > kTimeBoundSeconds) fail("the build does not end");
    }
    if (answered_ < graph_.steps.size()) fail("nothing is left to happen");
    result_.wall_seconds = now();
    result_.counts = scheduler_.counts();
    return result_;
  }

 private:
  struct Attempt {
    std::uint32_t step = 0;
    double arrived = 0;
    bool runs = false;
    double started = 0;
  };
  struct Machine {
    Host host;
    std::map<LeaseId, Attempt> leases;
    std::uint64_t sequence = 1;
    bool is_alive = true;
    Timestamp next_beat;
    bool has_news = false;  // for it
  };

  double now() const { return seconds(time_.now().since_start); }
  [[noreturn]] void fail(const char* what) const {
    std::fprintf(stderr, "bench: %s (%s, seed %lu)\n", what, graph_.name.c_str(), settings_.seed);
    std::exit(1);
  }
  static WorkerId id_of(std::size_t i) { return {i + 1}; }

  void join(std::size_t i) {
    Machine& machine = hosts_[i];
    double mean = 0;
    for (const auto& other : hosts_) mean += other.host.speed / static_cast<double>(hosts_.size());
    // Without history the worker's own measurement, which knows little of compilers.
    const double known_speed = machine.host.speed / mean * (settings_.has_history ? 1 : lognormal(dice_, settings_.measurement_error));
    tell(scheduling::WorkerJoined{id_of(i), false, known_speed});
    tell(scheduling::ToolchainReported{id_of(i), kToolchain, true});
    beat(i);
    if (machine.host.fault == Fault::kKilled || machine.host.fault == Fault::kHangs)
      time_.at({from_seconds(machine.host.fault_at_seconds)}, [this, i] { break_down(i); });
    tick(i);
  }

  void break_down(std::size_t i) {
    Machine& machine = hosts_[i];
    if (machine.host.fault == Fault::kKilled) machine.is_alive = false;
    for (auto& [lease, attempt] : machine.leases) {
      if (machine.host.fault == Fault::kKilled && attempt.runs) result_.wasted_seconds += now() - attempt.started;
    }
  }
  bool hangs(const Machine& m) const { return m.host.fault == Fault::kHangs && now() >= m.host.fault_at_seconds; }

  void tick(std::size_t i) {
    time_.after(std::chrono::seconds(1), [this, i] {
      beat(i);
      tick(i);
    });
  }

  void beat(std::size_t i) {
    Machine& machine = hosts_[i];
    if (!machine.is_alive || machine.has_news) return;
    if (time_.now() < machine.next_beat) {
      machine.has_news = true;
      return time_.at(machine.next_beat, [this, i] {
        hosts_[i].has_news = false;
        beat(i);
      });
    }
    machine.next_beat = time_.now() + from_seconds(settings_.costs.heartbeats_apart);
    scheduling::HeartbeatReceived e{id_of(i), machine.sequence++, machine.host.slots, false, {}, machine.host.memory_bytes};
    for (const auto& [lease, attempt] : machine.leases)
      e.leases.push_back({lease, attempt.runs ? LeasePhase::kRunning : LeasePhase::kQueued});
    time_.after(one_way(), [this, e] { tell(e); });
  }

  Duration one_way() const { return from_seconds(settings_.costs.one_way); }

  void submit(std::uint32_t i) {
    const Step& step = graph_.steps[i];
    scheduling::ActionSubmitted e{{i + 1}, kToolchain, {}, remembered_[i], tails_[i]};
    for (const auto before : step.after) e.after.push_back({before + 1});
    if (!settings_.has_history) {
      e.predicted_seconds = step.guess_seconds;
      e.is_guess = true;
      e.tail_is_guess = step.category / 16 == 0;  // of a transpile, as the farm does
      e.tail_seconds = e.tail_is_guess ? 2 * step.guess_seconds : 0;
    } else {
      e.peak_memory_bytes = step.peak_memory_bytes;
    }
    e.category = step.category;
    tell(e);
  }

  void tell(const scheduling::Event& event) {
    for (const auto& command : scheduler_.handle(time_.now(), event)) carry_out(command);
    const auto deadline = scheduler_.next_deadline();
    if (!deadline || (alarm_ && *alarm_ <= *deadline && *alarm_ >= time_.now())) return;
    alarm_ = deadline;
    time_.at(*deadline, [this, mine = *deadline] {
      if (alarm_ != mine) return;
      alarm_.reset();
      tell(scheduling::TimeAdvanced{});
    });
  }

  void carry_out(const scheduling::Command& command) {
    if (const auto* check = std::get_if<scheduling::CheckFreshness>(&command)) {
      time_.after(Duration{0}, [this, id = check->action] { tell(scheduling::FreshnessChecked{id, false}); });
    } else if (const auto* send = std::get_if<scheduling::SendAction>(&command)) {
      const auto i = static_cast<std::size_t>(send->worker.value - 1);
      time_.after(one_way(), [this, i, lease = send->lease, step = send->action.value - 1] {
        hosts_[i].leases[lease] = {static_cast<std::uint32_t>(step), now()};
        start_next(i);
        beat(i);
      });
    } else if (const auto* revoke = std::get_if<scheduling::RevokeLease>(&command)) {
      const auto i = static_cast<std::size_t>(revoke->worker.value - 1);
      time_.after(one_way(), [this, i, lease = revoke->lease] {
        Machine& machine = hosts_[i];
        const auto it = machine.leases.find(lease);
        if (it == machine.leases.end() || !machine.is_alive) return;
        if (it->second.runs) result_.wasted_seconds += now() - it->second.started;
        machine.leases.erase(it);
        start_next(i);
        beat(i);
      });
    } else if (const auto* publish = std::get_if<scheduling::PublishOutputs>(&command)) {
      time_.after(from_seconds(settings_.costs.publication),
                  [this, lease = publish->lease] { tell(scheduling::OutputsPublished{lease}); });
    } else if (const auto* answer = std::get_if<scheduling::AnswerFrontEnd>(&command)) {
      const std::uint64_t done = answer->action.value - 1;
      double front_end = settings_.costs.front_end;
      if (answer->answer != scheduling::Answer::kBuilt) {  // the front end does it itself, one after another
        ++result_.sent_home;
        home_is_free_at_ = std::max(now(), home_is_free_at_) + graph_.steps[done].seconds;
        front_end += home_is_free_at_ - now();
      }
      time_.after(from_seconds(front_end), [this, done] {
        ++answered_;
        for (const auto next : behind_[done]) {
          if (--waits_for_[next] == 0) submit(next);
        }
      });
    }
  }

  void start_next(std::size_t i) {
    Machine& machine = hosts_[i];
    if (!machine.is_alive) return;
    std::size_t running = 0;
    double memory = 0;
    for (const auto& [lease, attempt] : machine.leases) {
      if (!attempt.runs) continue;
      ++running;
      memory += static_cast<double>(graph_.steps[attempt.step].peak_memory_bytes);
    }
    for (auto& [lease, attempt] : machine.leases) {
      if (running >= machine.host.slots) return;
      if (attempt.runs) continue;
      attempt.runs = true;
      attempt.started = now();
      ++running;
      const Step& step = graph_.steps[attempt.step];
      memory += static_cast<double>(step.peak_memory_bytes);
      OutcomeClass outcome = OutcomeClass::kSucceeded;
      double run = step.seconds / machine.host.speed;
      if (machine.host.fault == Fault::kSlow) run *= 20;
      if (machine.host.memory_bytes > 0 && memory > static_cast<double>(machine.host.memory_bytes) && running > 1) {
        outcome = OutcomeClass::kOutOfMemory;  // it is killed when its peak comes
        run *= 0.7;
      }
      if (machine.host.fault == Fault::kBroken) {
        outcome = OutcomeClass::kInfrastructure;
        run = 0.05;
      }
      if (hangs(machine)) continue;
      run += std::max(0.0, settings_.costs.set_up - (now() - attempt.arrived));
      time_.after(from_seconds(run), [this, i, id = lease, outcome, run] { finish(i, id, outcome, run); });
    }
  }

  void finish(std::size_t i, LeaseId lease, OutcomeClass outcome, double run) {
    Machine& machine = hosts_[i];
    const auto it = machine.leases.find(lease);
    if (it == machine.leases.end() || !machine.is_alive || hangs(machine)) return;
    const std::uint64_t peak = graph_.steps[it->second.step].peak_memory_bytes;
    if (outcome != OutcomeClass::kSucceeded) result_.wasted_seconds += run;
    result_.out_of_memory += outcome == OutcomeClass::kOutOfMemory;
    machine.leases.erase(it);
    start_next(i);
    time_.after(one_way(), [this, i, lease, outcome, run, peak] {
      tell(scheduling::OutcomeReceived{id_of(i), lease, outcome, from_seconds(run), "", peak});
    });
    beat(i);
  }

  const Graph& graph_;
  const BuildSettings& settings_;
  TimeLine time_;
  Dice dice_;
  scheduling::Scheduler scheduler_;
  std::vector<Machine> hosts_;
  std::vector<std::size_t> waits_for_;
  std::vector<std::vector<std::uint32_t>> behind_;
  std::vector<double> remembered_, tails_;
  std::optional<Timestamp> alarm_;
  std::size_t answered_ = 0;
  double home_is_free_at_ = 0;
  BuildResult result_;
};

}  // namespace

std::vector<Host> turned(std::vector<Host> hosts, std::uint64_t seed) {
  std::rotate(hosts.begin(), hosts.begin() + static_cast<std::ptrdiff_t>(seed % hosts.size()), hosts.end());
  return hosts;
}

double lower_bound_seconds(const Graph& graph, const std::vector<Host>& hosts) {
  double total = 0, fastest = 0;
  for (const auto& host : hosts) {
    total += host.slots * host.speed;
    fastest = std::max(fastest, host.speed);
  }
  return std::max(graph.work_seconds() / total, graph.chain_seconds() / fastest);
}

BuildResult build(const Graph& graph, const std::vector<Host>& hosts, const BuildSettings& settings) {
  Farm farm(graph, hosts, settings);
  BuildResult result = farm.run();
  result.lower_bound_seconds = lower_bound_seconds(graph, hosts);
  return result;
}

// Each slot costs what it costs the farm between two steps; nobody knows which
// host is fast, so free slots are taken as they come.
double build_in_order(const Graph& graph, const std::vector<Host>& hosts, Order order, const Costs& costs) {
  struct Ready {
    double rank;
    std::uint32_t step;
    bool operator<(const Ready& other) const { return std::pair(rank, step) < std::pair(other.rank, other.step); }
  };
  struct Ending {
    double time;
    std::uint32_t step;
    double speed;
    bool operator>(const Ending& other) const { return std::pair(time, step) > std::pair(other.time, other.step); }
  };
  std::vector<std::size_t> waits_for;
  std::vector<std::vector<std::uint32_t>> behind(graph.steps.size());
  std::set<Ready> ready;
  double now = 0;
  std::uint32_t became_ready = 0;
  const auto add = [&](std::uint32_t step) {
    const double rank = order == Order::kFirstReadyFirst ? became_ready++
                        : order == Order::kManifestOrder ? step
                                                         : -graph.steps[step].seconds;
    ready.insert({rank, step});
  };
  for (std::uint32_t i = 0; i < graph.steps.size(); ++i) {
    waits_for.push_back(graph.steps[i].after.size());
    for (const auto before : graph.steps[i].after) behind[before].push_back(i);
  }
  for (std::uint32_t i = 0; i < graph.steps.size(); ++i) {
    if (waits_for[i] == 0) add(i);
  }
  std::vector<double> free;
  for (std::uint32_t slot = 0; slot < hosts[0].slots; ++slot) {
    for (const auto& host : hosts) free.insert(free.begin(), host.speed);
  }
  std::priority_queue<Ending, std::vector<Ending>, std::greater<>> running;
  const double between = 2 * costs.one_way + costs.set_up;
  while (!ready.empty() || !running.empty()) {
    while (!ready.empty() && !free.empty()) {
      const std::uint32_t step = ready.begin()->step;
      ready.erase(ready.begin());
      running.push({now + between + graph.steps[step].seconds / free.back(), step, free.back()});
      free.pop_back();
    }
    const Ending ended = running.top();
    running.pop();
    now = ended.time;
    free.push_back(ended.speed);
    for (const auto next : behind[ended.step]) {
      if (--waits_for[next] == 0) add(next);
    }
  }
  return now;
}

}  // namespace extfarm::bench
