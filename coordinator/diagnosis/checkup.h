// One conversation with each worker: a greeting, its tools, one small compile.
// Gathers facts; judges nothing, publishes nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/model/action.h"
#include "common/system/clock.h"
#include "common/transport/channel.h"
#include "coordinator/diagnosis/facts.h"

namespace extfarm::diagnosis {

struct Questions {
  std::string user, host;
  std::vector<ToolchainSpec> tools;
  std::optional<Action> action;
};

struct Patience {  // from the start
  Duration greeting =
      std::chrono::seconds(2);  // then it is tried whether anybody listens where no answer came from
  Duration listener =
      std::chrono::seconds(10);  // a busy host, or a worker that reads a tool from a slow disk
  Duration answers = std::chrono::seconds(30);
  Duration connection = std::chrono::seconds(2);  // of the trial itself
};

class Checkup {
 public:
  Checkup(ConnectingChannel& channel, const Clock& clock, Questions questions, Patience patience = {})
      : channel_(channel), clock_(clock), questions_(std::move(questions)), patience_(patience) {}
  // `key`: what the worker shall prove.
  void add(WorkerFacts, const std::string& key);
  // Talks to all of them until each has said everything or is out of time.
  std::vector<WorkerFacts> run();

 private:
  struct Talk {
    WorkerFacts facts;
    PeerId peer;  // empty: there is no connection
    std::string address;
    std::uint64_t epoch = 0;
    bool is_greeted = false, was_refused = false, had_other_key = false;
    Timestamp first_greeting, last_greeting;
    std::optional<Timestamp> last_questions;
  };
  bool is_over(const Talk&, Timestamp now) const;
  bool has_answered_all(const Talk&) const;
  void speak(Talk&, Timestamp now);
  bool send(const Talk&, const protocol::ToWorker&);
  void hear(Talk&, const protocol::ToCoordinator&);
  void hear_heartbeat(Talk&, const protocol::Heartbeat&);
  void read_news();
  void look_at_silent();
  void conclude();

  ConnectingChannel& channel_;
  const Clock& clock_;
  Questions questions_;
  Patience patience_;
  Timestamp started_;
  std::vector<Talk> talks_;
};

}  // namespace extfarm::diagnosis
