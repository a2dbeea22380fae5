// Keeps nodes, edges and levels consistent as the graph grows.  No recursion:
// chains may be long.
#include "coordinator/plan/action_graph.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace extfarm::plan {

ActionGraph::Added ActionGraph::add(ActionId action, const std::vector<ActionId>& after,
                                    double predicted_seconds, double tail_seconds) {
  FARM_CHECK(!contains(action));
  Added added;
  Node node;
  node.predicted_seconds = std::max(0.0, predicted_seconds);
  node.is_known = true;
  node.tail_seconds = std::max(0.0, tail_seconds);
  node.bottom_level_seconds = node.predicted_seconds + node.tail_seconds;
  for (const ActionId producer : after) {
    if (!contains(producer)) continue;
    const NodeState state = at(producer).state;
    if (std::find(node.producers.begin(), node.producers.end(), producer) != node.producers.end()) continue;
    if (state == NodeState::kFinished) continue;
    if (state == NodeState::kEnded) {
      node.state = NodeState::kEnded;
      added.ended_by = producer;
      break;
    }
    node.producers.push_back(producer);
    ++node.unfinished_count;
  }
  if (node.state != NodeState::kEnded) {
    if (node.unfinished_count > 0) node.state = NodeState::kWaiting;
    for (const ActionId producer : node.producers) at(producer).dependants.push_back(action);
  }
  added.state = node.state;
  if (node.state != NodeState::kEnded) {
    unfinished_seconds_ += node.predicted_seconds;
    ++unfinished_count_;
  }
  if (nodes_.size() <= action.value) nodes_.resize(action.value + 1);
  at(action) = std::move(node);
  if (added.state == NodeState::kWaiting) added.raised = raise_producers(action);
  return added;
}

// What sums of fractions leave behind is nothing once nothing is left.
void ActionGraph::leave(const Node& node) {
  unfinished_seconds_ = --unfinished_count_ == 0 ? 0 : std::max(0.0, unfinished_seconds_ - node.predicted_seconds);
}

// Levels only grow, and edges lead from older to newer nodes: this ends.
std::vector<ActionId> ActionGraph::raise_producers(ActionId action) {
  std::vector<ActionId> raised;
  std::vector<ActionId> to_visit{action};
  while (!to_visit.empty()) {
    const Node& node = at(to_visit.back());
    to_visit.pop_back();
    for (const ActionId id : node.producers) {
      Node& producer = at(id);
      const double level = producer.predicted_seconds + node.bottom_level_seconds;
      if (producer.state == NodeState::kFinished || producer.state == NodeState::kEnded) continue;
      if (level <= producer.bottom_level_seconds) continue;
      producer.bottom_level_seconds = level;
      raised.push_back(id);
      to_visit.push_back(id);
    }
  }
  std::sort(raised.begin(), raised.end());
  raised.erase(std::unique(raised.begin(), raised.end()), raised.end());
  return raised;
}

std::vector<ActionId> ActionGraph::finish(ActionId action) {
  Node& node = at(action);
  FARM_CHECK(node.state == NodeState::kReady);
  node.state = NodeState::kFinished;
  leave(node);
  std::vector<ActionId> ready;
  for (const ActionId id : node.dependants) {
    Node& dependant = at(id);
    if (dependant.state != NodeState::kWaiting) continue;
    if (--dependant.unfinished_count > 0) continue;
    dependant.state = NodeState::kReady;
    ready.push_back(id);
  }
  std::sort(ready.begin(), ready.end());
  return ready;
}

std::vector<ActionId> ActionGraph::end(ActionId action) {
  std::vector<ActionId> ended{action};
  if (Node& node = at(action); node.state != NodeState::kEnded && node.state != NodeState::kFinished) leave(node);
  at(action).state = NodeState::kEnded;
  for (std::size_t i = 0; i < ended.size(); ++i) {
    for (const ActionId id : at(ended[i]).dependants) {
      Node& dependant = at(id);
      if (dependant.state != NodeState::kWaiting) continue;
      dependant.state = NodeState::kEnded;
      leave(dependant);
      ended.push_back(id);
    }
  }
  ended.erase(ended.begin());
  return ended;
}

// Edges lead from older to newer nodes, so the newest first.
void ActionGraph::predict_again(const std::function<Lengths(ActionId)>& predict) {
  for (std::uint64_t id = nodes_.size(); id-- > 1;) {
    Node& node = nodes_[id];
    if (!node.is_known || node.state == NodeState::kFinished || node.state == NodeState::kEnded) continue;
    const Lengths lengths = predict(ActionId{id});
    const double before = std::exchange(node.predicted_seconds, std::max(0.0, lengths.seconds));
    if (lengths.tail_seconds) node.tail_seconds = std::max(0.0, *lengths.tail_seconds);
    unfinished_seconds_ = std::max(0.0, unfinished_seconds_ + node.predicted_seconds - before);
    double behind = node.tail_seconds;
    for (const ActionId dependant : node.dependants) {
      const Node& other = at(dependant);
      if (other.state != NodeState::kEnded) behind = std::max(behind, other.bottom_level_seconds);
    }
    node.bottom_level_seconds = node.predicted_seconds + behind;
  }
}

NodeState ActionGraph::state(ActionId action) const { return nodes_.at(action.value).state; }

double ActionGraph::behind_seconds(ActionId action) const {
  const Node& node = nodes_.at(action.value);
  return node.bottom_level_seconds - node.predicted_seconds;
}

double ActionGraph::bottom_level_seconds(ActionId action) const {
  return nodes_.at(action.value).bottom_level_seconds;
}

}  // namespace extfarm::plan
