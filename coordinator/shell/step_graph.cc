#include "coordinator/shell/step_graph.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "common/model/environment.h"
#include "coordinator/farm/guesses.h"
#include "coordinator/freshness/fingerprint.h"
#include "coordinator/manifest/order.h"

namespace extfarm {

void StepGraph::begin(const manifest::Environment& own_environment) {
  environment_ = own_environment;
  environment_that_counts_ = environment_that_matters(environment_);
}

void StepGraph::take_environment(const manifest::Header& header) {
  if (header.has_environment) begin(header.environment);
}

Result<void> StepGraph::read(const manifest::Environment& own_environment, const std::vector<std::string>& targets) {
  begin(own_environment);
  keeps_words_ = !file_.can_read_again();
  intake_.remember_tools();
  auto told = file_.read([&](const manifest::Header& header, manifest::Step&& step) { return add(header, std::move(step)); });
  tools_ = intake_.found_tools();
  intake_.forget_tools();  // the graph itself may make tools
  if (told) told = link();
  if (told) told = select(targets);
  steps_.shrink_to_fit();
  return told;
}

Result<void> StepGraph::add(const manifest::Header& header, manifest::Step&& step) {
  if (steps_.empty()) take_environment(header);
  GraphStep out;
  StepLabels labels{step.id, step.group, ""};
  out.place = step.place;
  out.is_default = step.is_default;
  after_.push_back(step.after);
  out.words = std::make_unique<manifest::Step>(std::move(step));
  const Action action = action_of(out, labels.local_reason);
  out.stays_local = !labels.local_reason.empty();
  out.set_labels(std::move(labels));
  out.kind = action.kind;
  out.identity = ActionIntake::identity_of(action);
  out.fingerprint = freshness::fingerprint_of(action);
  out.inputs = action.inputs;
  out.outputs = action.outputs;
  out.includes_by_option = includes_by_option(action.argv);
  drop_words(out);
  steps_.push_back(std::move(out));
  return {};
}

// Without environment: that is hundreds of strings.
front_door::SubmitRequest StepGraph::words_of(const GraphStep& step) const {
  front_door::SubmitRequest request;
  const auto& words = *step.words;
  request.id = words.id;
  request.kind = words.has_kind ? words.kind : ActionKind::kOther;
  request.group = words.group;
  request.argv = words.argv;
  request.cwd = words.cwd;
  request.stdin_bytes = words.stdin_bytes;
  request.inputs = words.inputs;
  request.outputs = words.outputs;
  request.tail_seconds = step.tail_seconds;
  return request;
}

manifest::Environment StepGraph::environment_of(const GraphStep& step) const {
  auto environment = environment_;
  for (const auto& [name, value] : step.words->environment) environment[name] = value;
  return environment;
}

front_door::SubmitRequest StepGraph::request_of(const GraphStep& step) const {
  auto request = words_of(step);
  request.environment = environment_of(step);
  return request;
}

Action StepGraph::action_of(const GraphStep& step, std::string& local_reason) {
  return intake_.describe(words_of(step),
                          step.words->environment.empty() ? environment_that_counts_
                                                        : environment_that_matters(environment_of(step)),
                          local_reason);
}

Result<void> StepGraph::link() {
  std::vector<manifest::Links> links;
  links.reserve(steps_.size());
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const auto& step = steps_[i];
    links.push_back({step.labels().id, step.inputs, step.outputs, after_[i]});
  }
  const auto order = manifest::order_of(links);
  if (!order) return tl::unexpected(order.error());
  order_.assign(order->begin(), order->end());
  std::unordered_map<std::string_view, std::uint32_t> makers, ids;
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    for (const auto& output : steps_[i].outputs) makers[output] = i;
    if (const auto& id = steps_[i].labels().id; !id.empty()) ids[id] = i;
  }
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    auto& before = steps_[i].before;
    for (const auto& input : steps_[i].inputs) {
      if (const auto maker = makers.find(input); maker != makers.end() && maker->second != i) before.push_back(maker->second);
    }
    for (const auto& id : after_[i]) before.push_back(ids.at(id));
    std::sort(before.begin(), before.end());
    before.erase(std::unique(before.begin(), before.end()), before.end());
  }
  after_.clear();
  after_.shrink_to_fit();
  link_behind();
  return {};
}

void StepGraph::link_behind() {
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    for (const auto earlier : steps_[i].before) steps_[earlier].behind.push_back(i);
  }
}

Result<void> StepGraph::restore(std::vector<GraphStep> steps, std::vector<std::uint32_t> order,
                                std::vector<bool> is_touched, const manifest::Environment& own_environment) {
  begin(own_environment);
  const auto header = file_.header();
  if (!header) return tl::unexpected(header.error());
  take_environment(**header);
  steps_ = std::move(steps);
  order_ = std::move(order);
  is_touched_ = std::move(is_touched);
  link_behind();
  return {};
}

Result<void> StepGraph::select(const std::vector<std::string>& targets) {
  for (auto& step : steps_) {
    if (targets.empty() && step.is_default) step.state = StepState::kWaiting;
  }
  for (const auto& target : targets) {
    const auto path = absolute_path(target, std::filesystem::current_path().string());
    bool is_known = false;
    for (auto& step : steps_) {
      const bool is_meant = step.labels().id == target || step.labels().group == target ||
                            std::find(step.outputs.begin(), step.outputs.end(), path) != step.outputs.end();
      if (is_meant) step.state = StepState::kWaiting;
      is_known = is_known || is_meant;
    }
    if (!is_known)
      return failure(ErrorCode::kInvalid, file_.path() + " has no step that makes " + target +
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

Result<void> StepGraph::recall_words(GraphStep& step) {
  if (step.words) return {};
  auto words = file_.step(step.place);
  if (!words) return tl::unexpected(words.error());
  step.words = std::make_unique<manifest::Step>(std::move(*words));
  return {};
}

void StepGraph::drop_words(GraphStep& step) const {
  if (!keeps_words_) step.words.reset();
}

manifest::CompilationEntries StepGraph::compiles() {
  std::vector<std::uint32_t> listed;
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    const auto& step = steps_[i];
    const bool is_listed = step.kind == ActionKind::kCompile && step.state != StepState::kUnwanted &&
                           !step.inputs.empty() && !step.outputs.empty();
    if (is_listed) listed.push_back(i);
  }
  manifest::CompilationEntries out;
  out.count = listed.size();
  out.names = [this, listed](std::size_t i) {
    const auto& step = steps_[listed[i]];
    return manifest::CompilationEntries::Names{step.outputs.front(), step.inputs.back()};
  };
  out.entry = [this, listed](std::size_t i) -> Result<manifest::CompilationEntry> {
    auto& step = steps_[listed[i]];
    if (auto told = recall_words(step); !told) return tl::unexpected(told.error());
    manifest::CompilationEntry entry{step.words->cwd, step.words->argv, step.inputs.back(), step.outputs.front()};
    drop_words(step);
    return entry;
  };
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
    seconds[*at] = known ? *known : guess_from_sizes(sized);
    for (const auto later : step.behind)
      step.tail_seconds = std::max(step.tail_seconds, seconds[later] + steps_[later].tail_seconds);
  }
}

}  // namespace extfarm
