// The actions of one build and what each reads from which.  It may grow while
// the build runs.  Knows order and length, nothing of workers, files or time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "common/base/segmented.h"
#include "common/base/strong_id.h"

namespace extfarm::plan {

enum class NodeState : std::uint8_t {
  kWaiting,   // something it reads from has not finished
  kReady,     // everything it reads from finished well
  kFinished,  // its outputs are in place
  kEnded,     // it will never have outputs this graph knows of
};

struct Lengths {
  double seconds = 0;  // of the action alone
  std::optional<double> tail_seconds;  // of the chain behind it that was not added; empty: as it was
};

class ActionGraph {
 public:
  struct Added {
    NodeState state = NodeState::kReady;  // kEnded: the producer in `ended_by` has ended
    ActionId ended_by;
    std::vector<ActionId> raised;  // unfinished ones whose bottom level grew
  };

  // Ids are counted from 1: a gap costs the memory of a node.  `after` names actions added before, so that no cycle can be made; others
  // (and `action` itself) are not waited for.  Adding an action again is a
  // broken invariant.  Both lengths are in seconds: of the action alone, and of
  // the remembered chain behind it.
  Added add(ActionId action, const std::vector<ActionId>& after, double predicted_seconds,
            double tail_seconds);

  // The dependants that became ready, lowest id first.
  std::vector<ActionId> finish(ActionId action);
  // Every waiting action that can no longer become ready, producers first.
  std::vector<ActionId> end(ActionId action);

  // Lengths have turned out to be others: `predict` gives those of actions that
  // have not ended.
  void predict_again(const std::function<Lengths(ActionId)>& predict);

  bool contains(ActionId action) const { return action.value < nodes_.size() && nodes_[action.value].is_known; }
  NodeState state(ActionId action) const;
  // Of the longest chain behind it, as it was before it finished.
  double behind_seconds(ActionId action) const;
  // Seconds of this action and of the longest chain behind it.
  double bottom_level_seconds(ActionId action) const;
  // Predicted seconds of all that have neither finished nor ended, remembered tails apart.
  double unfinished_seconds() const { return unfinished_seconds_; }

 private:
  // Positions in edges_; those of one action's producers follow each other.
  using EdgeId = std::uint32_t;
  static constexpr EdgeId kNone = UINT32_MAX;
  struct Edge {
    ActionId producer, dependant;
    EdgeId next_of_producer = kNone;
  };
  struct alignas(64) Node {
    double predicted_seconds = 0, tail_seconds = 0;
    double bottom_level_seconds = 0;
    std::uint32_t unfinished_count = 0;
    std::uint32_t producer_count = 0;
    EdgeId first_producer = kNone;
    EdgeId first_dependant = kNone, last_dependant = kNone;
    NodeState state = NodeState::kReady;
    bool is_known = false;
  };
  std::vector<ActionId> raise_producers(ActionId action);
  void connect(ActionId producer, ActionId action, Node& node);
  Node& at(ActionId id) { return nodes_[id.value]; }
  const Node& at(ActionId id) const { return nodes_[id.value]; }
  template <class F>
  void for_each_dependant(const Node& node, F&& f) const {
    for (EdgeId edge = node.first_dependant; edge != kNone; edge = edges_[edge].next_of_producer) f(edges_[edge].dependant);
  }
  void leave(const Node&);

  Segmented<Node> nodes_;  // by id
  Segmented<Edge> edges_;
  double unfinished_seconds_ = 0;
  std::uint64_t unfinished_count_ = 0;
};

}  // namespace extfarm::plan
