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
    if (at(producer).state != NodeState::kEnded) continue;
    node.state = NodeState::kEnded;
    added.ended_by = producer;
    break;
  }
  if (node.state != NodeState::kEnded) {
    for (const ActionId producer : after) {
      if (contains(producer) && at(producer).state != NodeState::kFinished) connect(producer, action, node);
    }
    if (node.unfinished_count > 0) node.state = NodeState::kWaiting;
  }
  added.state = node.state;
  if (node.state != NodeState::kEnded) {
    unfinished_seconds_ += node.predicted_seconds;
    ++unfinished_count_;
  }
  nodes_.grow_to(action.value + 1);
  at(action) = node;
  if (added.state == NodeState::kWaiting) added.raised = raise_producers(action);
  return added;
}

// Once only, however often `after` names it.
void ActionGraph::connect(ActionId producer, ActionId action, Node& node) {
  Node& from = at(producer);
  if (from.last_dependant != kNone && edges_[from.last_dependant].dependant == action) return;
  FARM_CHECK(edges_.size() < kNone);
  const auto edge = static_cast<EdgeId>(edges_.size());
  edges_.push_back({producer, action});
  (from.last_dependant == kNone ? from.first_dependant : edges_[from.last_dependant].next_of_producer) = edge;
  from.last_dependant = edge;
  if (node.producer_count++ == 0) node.first_producer = edge;
  ++node.unfinished_count;
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
    for (std::uint32_t i = 0; i < node.producer_count; ++i) {
      const ActionId id = edges_[node.first_producer + i].producer;
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
  for_each_dependant(node, [&](ActionId id) {
    Node& dependant = at(id);
    if (dependant.state != NodeState::kWaiting) return;
    if (--dependant.unfinished_count > 0) return;
    dependant.state = NodeState::kReady;
    ready.push_back(id);
  });
  std::sort(ready.begin(), ready.end());
  return ready;
}

std::vector<ActionId> ActionGraph::end(ActionId action) {
  std::vector<ActionId> ended{action};
  if (Node& node = at(action); node.state != NodeState::kEnded && node.state != NodeState::kFinished) leave(node);
  at(action).state = NodeState::kEnded;
  for (std::size_t i = 0; i < ended.size(); ++i) {
    for_each_dependant(at(ended[i]), [&](ActionId id) {
      Node& dependant = at(id);
      if (dependant.state != NodeState::kWaiting) return;
      dependant.state = NodeState::kEnded;
      leave(dependant);
      ended.push_back(id);
    });
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
    for_each_dependant(node, [&](ActionId dependant) {
      const Node& other = at(dependant);
      if (other.state != NodeState::kEnded) behind = std::max(behind, other.bottom_level_seconds);
    });
    node.bottom_level_seconds = node.predicted_seconds + behind;
  }
}

NodeState ActionGraph::state(ActionId action) const { return at(action).state; }

double ActionGraph::behind_seconds(ActionId action) const {
  const Node& node = at(action);
  return node.bottom_level_seconds - node.predicted_seconds;
}

double ActionGraph::bottom_level_seconds(ActionId action) const {
  return at(action).bottom_level_seconds;
}

}  // namespace extfarm::plan
