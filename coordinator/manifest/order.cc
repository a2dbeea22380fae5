#include "coordinator/manifest/order.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <unordered_map>

#include "coordinator/manifest/wording.h"

namespace extfarm::manifest {
namespace {

using Position = std::uint32_t;
using Index = std::unordered_map<std::string_view, Position>;

class Graph {
 public:
  explicit Graph(const std::vector<Links>& steps) : steps_(steps) {}

  Result<void> index();
  Result<std::vector<std::size_t>> sort();

 private:
  std::string name(Position at) const { return numbered("action", at + std::size_t{1}, steps_[at].id); }

  // Calls visit(predecessor, reason) for each step that must end before `at`.
  template <class Visit>
  void for_each_before(Position at, Visit visit) const {
    for (const auto& path : steps_[at].inputs) {
      if (const auto maker = makers_.find(path); maker != makers_.end()) visit(maker->second, &path);
    }
    for (const auto& id : steps_[at].after) visit(ids_.at(id), nullptr);
  }
  Error cycle(const std::vector<std::uint32_t>& waits_for) const;

  const std::vector<Links>& steps_;
  Index makers_, ids_;
};

Result<void> Graph::index() {
  for (Position at = 0; at < steps_.size(); ++at) {
    const auto& step = steps_[at];
    if (!step.id.empty()) {
      const auto [other, is_new] = ids_.emplace(step.id, at);
      if (!is_new)
        return failure(ErrorCode::kInvalid, "actions " + std::to_string(other->second + std::size_t{1}) +
                                                " and " + std::to_string(at + std::size_t{1}) +
                                                " have the same id " + in_quotes(step.id) +
                                                "; give one of them another");
    }
    for (const auto& output : step.outputs) {
      const auto [other, is_new] = makers_.emplace(output, at);
      if (!is_new && other->second != at)
        return failure(ErrorCode::kInvalid, name(other->second) + " and " + name(at) + " both make " +
                                                output + "; let one of them write elsewhere");
    }
  }
  for (Position at = 0; at < steps_.size(); ++at) {
    for (const auto& id : steps_[at].after) {
      if (!ids_.contains(id))
        return failure(ErrorCode::kInvalid,
                       name(at) + " comes after " + in_quotes(id) +
                           ", but no action has that id; give it to the action that is meant");
    }
  }
  return {};
}

Result<std::vector<std::size_t>> Graph::sort() {
  const auto count = static_cast<Position>(steps_.size());
  std::vector<std::uint32_t> waits_for(count);  // how many steps must still end before this one
  // The edges in one array: those of step i lie in [first[i], first[i + 1]).
  std::vector<std::size_t> first(count + std::size_t{1});
  for (Position at = 0; at < count; ++at)
    for_each_before(at, [&](Position before, const std::string*) {
      ++waits_for[at];
      ++first[before + std::size_t{1}];
    });
  for (Position at = 0; at < count; ++at) first[at + std::size_t{1}] += first[at];
  std::vector<Position> dependants(first[count]);
  auto next = first;
  for (Position at = 0; at < count; ++at)
    for_each_before(at, [&](Position before, const std::string*) { dependants[next[before]++] = at; });

  std::priority_queue<Position, std::vector<Position>, std::greater<>> ready;
  for (Position at = 0; at < count; ++at)
    if (waits_for[at] == 0) ready.push(at);
  std::vector<std::size_t> order;
  order.reserve(count);
  while (!ready.empty()) {
    const auto at = ready.top();
    ready.pop();
    order.push_back(at);
    for (auto i = first[at]; i < first[at + std::size_t{1}]; ++i)
      if (--waits_for[dependants[i]] == 0) ready.push(dependants[i]);
  }
  if (order.size() < count) return tl::unexpected(cycle(waits_for));
  return order;
}

// Follows the waiting backwards from the first step that never gets its turn:
// such a step waits for another of them, so a step must come up twice.
Error Graph::cycle(const std::vector<std::uint32_t>& waits_for) const {
  constexpr std::size_t kMostShown = 20;
  struct Wait {
    Position who;
    const std::string* path;  // null: by `after`
  };
  auto at = static_cast<Position>(
      std::find_if(waits_for.begin(), waits_for.end(), [](auto n) { return n > 0; }) - waits_for.begin());
  std::vector<Wait> chain;
  std::vector<bool> met(steps_.size());
  while (!met[at]) {
    met[at] = true;
    std::optional<Position> blocker;
    const std::string* path = nullptr;
    for_each_before(at, [&](Position before, const std::string* through) {
      if (blocker || waits_for[before] == 0) return;
      blocker = before;
      path = through;
    });
    chain.push_back({at, path});
    at = *blocker;
  }
  chain.erase(chain.begin(),
              std::find_if(chain.begin(), chain.end(), [&](const Wait& w) { return w.who == at; }));
  if (chain.size() == 1 && chain[0].path != nullptr)
    return {ErrorCode::kInvalid, name(at) + " makes its own input " + *chain[0].path +
                                     "; drop it from the inputs, or write elsewhere"};
  std::string message = "these actions wait for each other: ";
  for (std::size_t i = 0; i < std::min(chain.size(), kMostShown); ++i) {
    const auto& [who, path] = chain[i];
    message += name(who) + (path ? " needs " + *path + " of " : std::string(" comes after "));
    if (i + 1 == kMostShown && chain.size() > kMostShown)
      message += "… (" + std::to_string(chain.size() - kMostShown) + " more) … ";
    else if (i + 1 < chain.size())
      message += name(chain[i + 1].who) + ", ";
  }
  if (chain.size() > kMostShown) message += "back to ";
  return {ErrorCode::kInvalid, message + name(at) + "; remove one of these"};
}

}  // namespace

Result<std::vector<std::size_t>> order_of(const std::vector<Links>& steps) {
  Graph graph(steps);
  if (auto indexed = graph.index(); !indexed) return tl::unexpected(indexed.error());
  return graph.sort();
}

}  // namespace extfarm::manifest
