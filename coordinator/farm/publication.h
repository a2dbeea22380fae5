// Brings an accepted result home: fetches what did not travel inside the
// report, checks the attestation against this host, publishes.  Chunks are
// asked for with a window, so a worker never sends more than that unasked.
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
  Publications(DigestCache& digests, Ask ask) : digests_(digests), ask_(std::move(ask)) {}

  void begin(Timestamp now, WorkerId, const Action&, const protocol::Report&);
  void receive(Timestamp now, WorkerId, protocol::OutputChunk);
  void lose(WorkerId);  // what it had not sent will not come
  void advance(Timestamp now);
  std::vector<PublicationEnd> take_ends();
  bool is_idle() const { return jobs_.empty(); }

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
  };
  void ask_more(Timestamp now, LeaseId, Job&);
  void finish(LeaseId, Job&);
  void fail(LeaseId, OutcomeClass, const std::string& reason);

  DigestCache& digests_;
  Ask ask_;
  std::map<LeaseId, Job> jobs_;
  std::vector<PublicationEnd> ends_;
};

}  // namespace extfarm
