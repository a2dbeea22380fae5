#include "coordinator/shell/step_graph.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "common/model/environment.h"
#include "coordinator/freshness/fingerprint.h"
#include "coordinator/manifest/compilation_database.h"
#include "coordinator/manifest/manifest.h"
#include "coordinator/manifest/order.h"

namespace extfarm {
namespace {

// Beyond it the words of steps are read again when they are needed: two kilobytes each.
constexpr std::size_t kStepsKeptWhole = 20'000;

void drop_words(GraphStep& step) {
  manifest::Step bare;
  bare.id = std::move(step.step.id);
  bare.number = step.step.number;
  bare.group = std::move(step.step.group);
  bare.after = std::move(step.step.after);
  bare.is_default = step.step.is_default;
  step.step = std::move(bare);
  step.has_words = false;
}

}  // namespace

Result<void> StepGraph::read_file(const manifest::TakeStep& take) {
  return format_ == Format::kManifest ? manifest::read_manifest(path_, take)
                                      : manifest::read_compilation_database(path_, take);
}

void StepGraph::begin(const manifest::Environment& own_environment) {
  environment_ = own_environment;
  environment_that_counts_ = environment_that_matters(environment_);
}

void StepGraph::take_environment(const manifest::Header& header) {
  if (header.has_environment) begin(header.environment);
}

Result<void> StepGraph::read(const manifest::Environment& own_environment, const std::vector<std::string>& targets) {
  begin(own_environment);
  intake_.remember_tools();
  auto told = read_file([&](const manifest::Header& header, manifest::Step&& step) { return add(header, std::move(step)); });
  tools_ = intake_.found_tools();
  intake_.forget_tools();  // the graph itself may make tools
  if (told) told = link();
  if (told) told = select(targets);
  return told;
}

Result<void> StepGraph::add(const manifest::Header& header, manifest::Step&& step) {
  if (steps_.empty()) take_environment(header);
  if (steps_.size() == kStepsKeptWhole) {
    for (auto& earlier : steps_) drop_words(earlier);
  }
  GraphStep out;
  out.step = std::move(step);
  out.has_words = true;
  const Action action = action_of(out, out.local_reason);
  out.stays_local = !out.local_reason.empty();
  out.kind = action.kind;
  out.identity = ActionIntake::identity_of(action);
  out.fingerprint = freshness::fingerprint_of(action);
  out.inputs = action.inputs;
  out.outputs = action.outputs;
  out.includes_by_option = std::any_of(action.argv.begin(), action.argv.end(), [](const std::string& word) {
    return word.starts_with("-include") || word.starts_with("-imacros");
  });
  if (steps_.size() >= kStepsKeptWhole) drop_words(out);
  steps_.push_back(std::move(out));
  return {};
}

// Without environment: that is hundreds of strings.
front_door::SubmitRequest StepGraph::words_of(const GraphStep& step) const {
  front_door::SubmitRequest request;
  request.id = step.step.id;
  request.kind = step.step.has_kind ? step.step.kind : ActionKind::kOther;
  request.group = step.step.group;
  request.argv = step.step.argv;
  request.cwd = step.step.cwd;
  request.stdin_bytes = step.step.stdin_bytes;
  request.inputs = step.step.inputs;
  request.outputs = step.step.outputs;
  request.tail_seconds = step.tail_seconds;
  return request;
}

manifest::Environment StepGraph::environment_of(const GraphStep& step) const {
  auto environment = environment_;
  for (const auto& [name, value] : step.step.environment) environment[name] = value;
  return environment;
}

front_door::SubmitRequest StepGraph::request_of(const GraphStep& step) const {
  auto request = words_of(step);
  request.environment = environment_of(step);
  return request;
}

Action StepGraph::action_of(const GraphStep& step, std::string& local_reason) {
  return intake_.describe(words_of(step),
                          step.step.environment.empty() ? environment_that_counts_
                                                        : environment_that_matters(environment_of(step)),
                          local_reason);
}

Result<void> StepGraph::link() {
  std::vector<manifest::Links> links;
  links.reserve(steps_.size());
  for (const auto& step : steps_) links.push_back({step.step.id, step.inputs, step.outputs, step.step.after});
  const auto order = manifest::order_of(links);
  if (!order) return tl::unexpected(order.error());
  order_.assign(order->begin(), order->end());
  std::unordered_map<std::string_view, std::uint32_t> makers, ids;
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    for (const auto& output : steps_[i].outputs) makers[output] = i;
    if (!steps_[i].step.id.empty()) ids[steps_[i].step.id] = i;
  }
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    auto& before = steps_[i].before;
    for (const auto& input : steps_[i].inputs) {
      if (const auto maker = makers.find(input); maker != makers.end() && maker->second != i) before.push_back(maker->second);
    }
    for (const auto& id : steps_[i].step.after) before.push_back(ids.at(id));
    std::sort(before.begin(), before.end());
    before.erase(std::unique(before.begin(), before.end()), before.end());
  }
  link_behind();
  return {};
}

void StepGraph::link_behind() {
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    for (const auto earlier : steps_[i].before) steps_[earlier].behind.push_back(i);
  }
}

void StepGraph::restore(std::vector<GraphStep> steps, std::vector<std::uint32_t> order, std::vector<bool> is_touched) {
  steps_ = std::move(steps);
  order_ = std::move(order);
  is_touched_ = std::move(is_touched);
  link_behind();
}

Result<void> StepGraph::select(const std::vector<std::string>& targets) {
  for (auto& step : steps_) {
    if (targets.empty() && step.step.is_default) step.state = StepState::kWaiting;
  }
  for (const auto& target : targets) {
    const auto path = absolute_path(target, std::filesystem::current_path().string());
    bool is_known = false;
    for (auto& step : steps_) {
      const bool is_meant = step.step.id == target || step.step.group == target ||
                            std::find(step.outputs.begin(), step.outputs.end(), path) != step.outputs.end();
      if (is_meant) step.state = StepState::kWaiting;
      is_known = is_known || is_meant;
    }
    if (!is_known)
      return failure(ErrorCode::kInvalid, path_ + " has no step that makes " + target +
                                              "; name an output, an id or a group of it");
  }
  for (auto at = order_.rbegin(); at != order_.rend(); ++at) {
    if (steps_[*at].state == StepState::kUnwanted) continue;
    for (const auto earlier : steps_[*at].before) steps_[earlier].state = StepState::kWaiting;
  }
  return {};
}

void StepGraph::judge(bool force) {
  Action bare;  // all that the judgement looks at
  for (const auto at : order_) {
    GraphStep& step = steps_[at];
    if (step.state != StepState::kWaiting) continue;
    const bool is_settled = std::all_of(step.before.begin(), step.before.end(), [&](std::uint32_t earlier) {
      return steps_[earlier].state == StepState::kDone;
    });
    if (!is_settled) continue;
    if (force) {
      step.state = StepState::kDirty;
      continue;
    }
    if (is_restored() && !is_touched_[at]) {
      step.state = StepState::kDone;
      memory_.note_fresh(step.identity);
      continue;
    }
    bare.kind = step.kind;
    bare.inputs = std::move(step.inputs);
    bare.argv.assign(step.includes_by_option ? 1 : 0, "-include");
    const auto judgement = memory_.judge(bare, step.identity, step.fingerprint);
    const bool is_done = judgement.verdict.fresh && memory_.has_made(*judgement.recorded, step.outputs);
    step.state = is_done ? StepState::kDone : StepState::kDirty;
    if (is_done) {
      memory_.note_fresh(step.identity);
      step.watched = memory_.watch(bare, *judgement.recorded, watch_list_);
    }
    step.inputs = std::move(bare.inputs);
  }
  memory_.watch_folders(watch_list_);
}

Result<void> StepGraph::recall_words(const manifest::Environment& own_environment) {
  if (is_restored()) begin(own_environment);
  // Before judge(), of a restored graph: what is touched and what comes behind that.
  std::vector<bool> is_reached = is_touched_;
  for (const auto at : order_) {
    if (is_reached.empty() || is_reached[at]) continue;
    const auto& before = steps_[at].before;
    is_reached[at] = std::any_of(before.begin(), before.end(), [&](std::uint32_t earlier) { return is_reached[earlier]; });
  }
  const auto lacks_words = [&](std::size_t at) {
    const auto state = steps_[at].state;
    return (state == StepState::kDirty || state == StepState::kWaiting) && !steps_[at].has_words &&
           (is_reached.empty() || is_reached[at]);
  };
  std::size_t first = 0;
  while (first < steps_.size() && !lacks_words(first)) ++first;
  if (first == steps_.size()) return {};
  std::size_t at = 0;
  return read_file([&](const manifest::Header& header, manifest::Step&& words) -> Result<void> {
    if (at == 0) take_environment(header);
    if (at >= steps_.size() || steps_[at].step.id != words.id)
      return failure(ErrorCode::kInvalid, path_ + " changed while it was read; build again");
    const bool is_wanted = lacks_words(at);
    GraphStep& step = steps_[at++];
    if (is_wanted) {
      step.step = std::move(words);
      step.has_words = true;
    }
    return {};
  });
}

std::vector<reporting::LoggedCompile> StepGraph::compiles() const {
  std::vector<reporting::LoggedCompile> out;
  for (const auto& step : steps_) {
    const bool is_listed = step.kind == ActionKind::kCompile && step.state != StepState::kUnwanted && step.has_words &&
                           !step.inputs.empty() && !step.outputs.empty();
    if (is_listed) out.push_back({step.step.cwd, step.step.argv, step.inputs.back(), step.outputs.front()});
  }
  return out;
}

void StepGraph::predict(const records::Records& records) {
  std::vector<double> seconds(steps_.size());
  for (auto at = order_.rbegin(); at != order_.rend(); ++at) {
    GraphStep& step = steps_[*at];
    if (step.state != StepState::kDirty && step.state != StepState::kWaiting) continue;
    const auto known = records.predicted_seconds(step.identity);
    Action sized;
    sized.kind = step.kind;
    sized.inputs = step.inputs;
    seconds[*at] = known ? *known : ActionIntake::guess_seconds(sized);
    for (const auto later : step.behind)
      step.tail_seconds = std::max(step.tail_seconds, seconds[later] + steps_[later].tail_seconds);
  }
}

}  // namespace extfarm
