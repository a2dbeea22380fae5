// The Unix socket that front ends connect to.  Knows lines and connections,
// nothing of what becomes of a request.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "coordinator/front_door/requests.h"

namespace extfarm::front_door {

struct Submitted {
  ConnectionId connection;
  SubmitRequest request;  // its environment is filled in from the hello
};
struct RanLocally {
  LocalRequest request;
};
struct ConnectionClosed {
  ConnectionId connection;
};
struct LocalSlotWanted {
  ConnectionId connection;
  std::string id;
};
struct JobsWanted {
  ConnectionId connection;
  std::string id;
};
struct LiveWanted {
  ConnectionId connection;
  std::string id;
};
using DoorEvent = std::variant<Submitted, RanLocally, ConnectionClosed, LocalSlotWanted, JobsWanted, LiveWanted>;

// Whether a coordinator listens there.
bool is_open(const std::string& socket_path);

// Whether a coordinator did once, or is about to, and none does now.  False where that cannot be told.
bool is_deserted(const std::string& socket_path);

class FrontDoor {
 public:
  // Binds `socket_path` (mode 0600).  Only processes of this user are served.
  // Errors: kIo, with the path; a path longer than 107 bytes is kInvalid.
  static Result<std::unique_ptr<FrontDoor>> open(const std::string& socket_path,
                                                 const std::string& project_root);
  ~FrontDoor();  // closes all, removes the socket
  FrontDoor(const FrontDoor&) = delete;
  FrontDoor& operator=(const FrontDoor&) = delete;

  int fd() const { return epoll_; }
  void set_slots(std::uint32_t slots) { slots_ = slots; }
  // Reads and writes what can be without waiting.
  std::vector<DoorEvent> take_events();
  void answer(ConnectionId, const AnswerMessage&);
  // So many more front ends may be told all that they wait for; what is said to
  // others is held, and goes out in its order.  At first, and for most: no limit.
  void allow_answers(std::size_t count);
  static constexpr std::size_t kAllAnswers = SIZE_MAX;
  std::size_t held_count() const { return held_.size(); }
  // The slot is the connection's until it closes.
  void let_run(ConnectionId, const std::string& id);
  void tell_jobs(ConnectionId, const std::string& id, std::size_t jobs);
  // `build_json`: one line.
  void tell_live(ConnectionId, const std::string& id, const std::string& build_json);
  // Connections with a submitted action that has not been answered: front ends
  // that wait, and use no processor of this host meanwhile.
  std::size_t waiting_count() const { return waiting_count_; }

 private:
  struct Connection {
    int fd = -1;
    bool greeted = false;
    bool ends_after_write = false;
    std::string input, output;
    Environment environment;
    std::size_t unanswered_count = 0, slots_wanted = 0;
  };
  FrontDoor(std::string path, std::string project_root);
  void accept_all();
  void listen(bool wanted);
  // False when the connection has ended.
  bool read_lines(ConnectionId, Connection&, std::vector<DoorEvent>&);
  void handle_line(ConnectionId, Connection&, std::string_view line, std::vector<DoorEvent>&);
  void say(ConnectionId, const std::string& line);
  bool write_out(ConnectionId, Connection&);
  void close(ConnectionId, std::vector<DoorEvent>&);

  std::string path_, root_;
  std::uint32_t slots_ = 0;
  std::size_t most_connections_;  // more wait at the door
  // Connections that have a local slot or wait for one: half of all at most, the others are told to come again.  What
  // runs in a slot may be a front end's parent, and has to find room at the door.
  std::size_t slot_count_ = 0;
  bool is_listening_ = true;
  int epoll_ = -1, listener_ = -1;
  std::uint64_t next_id_ = 1;
  std::size_t waiting_count_ = 0, allowed_count_ = kAllAnswers;
  std::deque<std::pair<ConnectionId, AnswerMessage>> held_;
  std::map<ConnectionId, Connection> connections_;
};

}  // namespace extfarm::front_door
