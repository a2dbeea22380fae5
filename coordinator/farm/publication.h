// Brings an accepted result home: fetches what did not travel inside the
// report, checks the attestation against this host, publishes.  Chunks are
// asked for with a window, so a worker never sends more than that unasked; and
// of all results no more are asked for than the credit allows to be held.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/model/action.h"
#include "common/protocol/messages.h"
#include "common/system/filesystem.h"

namespace extfarm {

struct PublicationEnd {
  LeaseId lease;
  std::optional<OutcomeClass> failure;  // nullopt: published
  std::string reason;
  std::uint64_t bytes_returned = 0;
  bool is_this_hosts_fault = false;
};

class Publications {
 public:
  using Ask = std::function<void(WorkerId, const protocol::FetchOutput&)>;
  Publications(DigestCache& digests, Ask ask, std::uint64_t credit_bytes = 128 << 20)
      : digests_(digests), ask_(std::move(ask)), credit_bytes_(credit_bytes) {}

  void begin(Timestamp now, WorkerId, const Action&, const protocol::Report&);
  void receive(Timestamp now, WorkerId, protocol::OutputChunk);
  void lose(WorkerId);  // what it had not sent will not come
  void advance(Timestamp now);
  std::vector<PublicationEnd> take_ends();
  bool is_idle() const { return jobs_.empty(); }
  // Of results that are under way; more than the credit only for one that is larger.
  std::uint64_t held_bytes() const { return held_bytes_; }

 private:
  struct Part {
    std::uint32_t output_index;
    std::uint64_t offset_bytes, length_bytes;
  };
  struct Job {
    WorkerId worker;
    std::vector<std::string> view_roots;
    Attestation attestation;
    std::vector<std::string> contents;
    std::deque<Part> waiting;
    std::vector<Part> asked;
    Timestamp last_progress, last_asked;
    std::uint64_t bytes = 0;  // of its contents
    bool has_credit = false;  // its contents may be held
  };
  void give_credit(Timestamp now);
  void forget(std::map<LeaseId, Job>::iterator);
  void ask_more(Timestamp now, LeaseId, Job&);
  void finish(LeaseId, Job&);
  void fail(LeaseId, OutcomeClass, const std::string& reason);

  DigestCache& digests_;
  Ask ask_;
  std::uint64_t credit_bytes_;
  std::map<LeaseId, Job> jobs_;
  std::deque<LeaseId> without_credit_;  // oldest first
  std::uint64_t held_bytes_ = 0;
  std::vector<PublicationEnd> ends_;
};

}  // namespace extfarm
