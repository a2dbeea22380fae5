// Front ends that become a command of their own on this host: so many of them at
// a time, the others in the order they asked.  Knows no sockets.
#pragma once

#include <cstddef>
#include <deque>
#include <set>
#include <string>
#include <utility>

#include "coordinator/front_door/requests.h"

namespace extfarm {

class LocalSteps {
 public:
  // What runs already goes on to its end.
  void allow(std::size_t count) { allowed_count_ = count; }
  void want(front_door::ConnectionId connection, std::string id) { waiting_.emplace_back(connection, std::move(id)); }
  void gone(front_door::ConnectionId connection) {
    running_.erase(connection);
    std::erase_if(waiting_, [&](const auto& one) { return one.first == connection; });
  }
  // Calls `start(connection, id)` for each that may run now.
  template <class Start>
  void start_waiting(Start start) {
    while (!waiting_.empty() && running_.size() < allowed_count_) {
      const auto [connection, id] = std::move(waiting_.front());
      waiting_.pop_front();
      running_.insert(connection);
      start(connection, id);
    }
  }

 private:
  std::size_t allowed_count_ = 1;
  std::deque<std::pair<front_door::ConnectionId, std::string>> waiting_;
  std::set<front_door::ConnectionId> running_;
};

}  // namespace extfarm
