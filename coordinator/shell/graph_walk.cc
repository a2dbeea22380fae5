#include "coordinator/shell/graph_walk.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <utility>

namespace extfarm {
namespace {

namespace fs = std::filesystem;

// Steps handed to the farm at once: enough for every slot of a lab, and a bound for memory.
constexpr std::size_t kMostAsked = 4096;

}  // namespace

GraphWalk::GraphWalk(const RunOptions& options, StepGraph& graph, BuildTree& tree, BuildSession& session,
                     Terminal& terminal, reporting::BuildLog& log)
    : options_(options),
      graph_(graph),
      steps_(graph.steps()),
      tree_(tree),
      session_(session),
      terminal_(terminal),
      log_(log) {
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].state == StepState::kDirty) enqueue(i);
  }
}

int GraphWalk::run() {
  for (;;) {
    ask();
    start_local();
    if (!ready_.empty() && asked_count_ < kMostAsked && !is_stopping()) continue;  // up to date, what was to run here
    if (is_stopping() && asked_count_ > 0) session_.farm().cancel_waiting();
    if (asked_count_ == 0 && local_.empty()) break;
    turn();
  }
  if (interrupted_by_ != 0) return 128 + interrupted_by_;
  return first_failure_;
}

void GraphWalk::turn() {
  session_.turn([this](const ProcessExit& exit) { end_local(exit); },
                [this](int signal) {
                  interrupted_by_ = signal;
                  for (const auto& [id, at] : local_) session_.runner().stop(id, std::chrono::milliseconds(800));
                });
}

void GraphWalk::ask() {
  while (!ready_.empty() && asked_count_ < kMostAsked && !is_stopping()) {
    const auto at = ready_.begin()->second;
    GraphStep& step = steps_[at];
    ready_.erase(ready_.begin());
    step.state = StepState::kRunning;
    if (const auto told = graph_.recall_words(step); !told) {
      terminal_.warn(told.error().message);
      fail(at, 1);
      continue;
    }
    for (const auto& output : step.outputs) {
      std::error_code ignored;
      fs::create_directories(fs::path(output).parent_path(), ignored);
    }
    if (step.stays_local) {
      waiting_local_.push_back(at);
      continue;
    }
    ++asked_count_;
    session_.farm().submit(graph_.request_of(step), [this, at](const auto& message) { take_answer(at, message); });
  }
}

void GraphWalk::take_answer(std::uint32_t at, const front_door::AnswerMessage& message) {
  --asked_count_;
  show(message.stdout_bytes, message.stderr_bytes);
  if (message.result == "built" || message.result == "fresh") return has_made_all(at) ? finish(at) : fail(at, 1);
  if (message.result == "failed") return fail(at, message.exit_code);
  if (message.result == "cancelled") {
    steps_[at].state = StepState::kSkipped;
    graph_.drop_words(steps_[at]);
    return;
  }
  waiting_local_.push_back(at);
}

void GraphWalk::start_local() {
  const std::size_t slots = std::max<std::size_t>(1, options_.local_slots);
  while (!waiting_local_.empty() && local_.size() < slots && !is_stopping()) {
    const auto at = waiting_local_.front();
    waiting_local_.erase(waiting_local_.begin());
    run_here(at);
  }
  if (is_stopping()) waiting_local_.clear();
}

void GraphWalk::run_here(std::uint32_t at) {
  GraphStep& step = steps_[at];
  std::string reason;
  const Action action = graph_.action_of(step, reason);
  auto judgement = tree_.memory->judge(action, step.identity);  // its tool may be new since the graph was read
  if (options_.force) judgement.verdict = {false, "--force was given"};
  // What a command that says nothing of its outputs does cannot be known.
  if (step.outputs.empty()) judgement.verdict = {false, "it declares no output"};
  tree_.memory->note(action, step.identity, judgement.verdict);
  if (judgement.verdict.fresh) {
    ++log_.fresh_here;
    return finish(at);
  }
  if (step.stays_local) {  // the farm has counted the others
    reporting::log_local(log_, {action.cwd, action.argv, step.labels().local_reason});
  }
  ProcessRequest request;
  request.program = action.program;
  request.argv = action.argv;
  const auto environment = graph_.environment_of(step);
  request.environment.assign(environment.begin(), environment.end());
  request.cwd = action.cwd;
  request.stdin_bytes = action.stdin_bytes;
  request.dies_with_parent = true;
  started_ns_[at] = realtime_ns();
  const auto id = session_.runner().start(request);
  if (!id) {
    show("", "extfarm: " + id.error().message + "\n");
    return fail(at, 127);
  }
  local_.emplace(*id, at);
}

void GraphWalk::end_local(const ProcessExit& exit) {
  const auto it = local_.find(exit.id);
  if (it == local_.end()) return;
  const auto at = it->second;
  local_.erase(it);
  show(exit.stdout_bytes, exit.stderr_bytes);
  if (exit.signal != 0 || exit.exit_code != 0) return fail(at, exit.signal != 0 ? 128 + exit.signal : exit.exit_code);
  if (!has_made_all(at)) return fail(at, 1);
  record_local(at, exit);
  finish(at);
}

// Of what is no compiler the declared files are all there is to know; a
// compiler that stays here reads more than that, and runs each time.
void GraphWalk::record_local(std::uint32_t at, const ProcessExit& exit) {
  GraphStep& step = steps_[at];
  if (step.kind != ActionKind::kOther || step.outputs.empty()) return;
  std::string reason;
  const Action action = graph_.action_of(step, reason);
  Attestation attestation;
  for (const auto& path : action.inputs)
    attestation.inputs.push_back({path, tree_.digests.digest(path).value_or(Digest{})});
  for (const auto& path : action.outputs) {
    const auto stamp = tree_.filesystem.stat(path);
    const auto digest = tree_.digests.digest(path);
    if (!stamp || !digest) return;  // a folder, say: it runs each time
    attestation.outputs.push_back({path, OutputKind::kFile, stamp->mode, stamp->size_bytes, *digest, ""});
  }
  tree_.memory->record(action, step.identity, attestation, exit.stdout_bytes, exit.stderr_bytes, started_ns_[at]);
}

// Says what is not there of the outputs that the step declares.
bool GraphWalk::has_made_all(std::uint32_t at) {
  bool all = true;
  for (const auto& path : steps_[at].words->outputs) {
    std::error_code unknown;
    if (fs::exists(fs::symlink_status(path, unknown))) continue;
    terminal_.warn(tree_.memory->shown(path) + " was not made by the command that declares it");
    all = false;
  }
  return all;
}

void GraphWalk::finish(std::uint32_t at) {
  steps_[at].state = StepState::kDone;
  graph_.drop_words(steps_[at]);
  for (const auto behind : steps_[at].behind) {
    GraphStep& later = steps_[behind];
    if (later.state != StepState::kWaiting) continue;
    const bool is_settled = std::all_of(later.before.begin(), later.before.end(), [&](std::uint32_t earlier) {
      return steps_[earlier].state == StepState::kDone;
    });
    if (!is_settled) continue;
    later.state = StepState::kDirty;
    enqueue(behind);
  }
}

void GraphWalk::fail(std::uint32_t at, int exit_code) {
  steps_[at].state = StepState::kFailed;
  graph_.drop_words(steps_[at]);
  if (first_failure_ == 0) first_failure_ = exit_code == 0 ? 1 : exit_code;
  const auto& step = steps_[at];
  terminal_.warn((step.outputs.empty() ? "step " + std::to_string(step.place.number)
                                       : tree_.memory->shown(step.outputs.front())) +
                 " failed (exit code " + std::to_string(exit_code) + ")");
}

void GraphWalk::show(const std::string& out, const std::string& err) {
  if (out.empty() && err.empty()) return;
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fflush(stdout);
  std::fwrite(err.data(), 1, err.size(), stderr);
}

}  // namespace extfarm
