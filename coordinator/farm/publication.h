// Brings an accepted result home: fetches what did not travel inside the
// report, checks the attestation against this host, publishes.  Each worker is
// asked for a window of chunks, so it never sends more than that unasked, and
// all of them for no more than the credit.  What arrives is written at once, so
// no more than that is held.
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
#include "coordinator/artifacts/staging.h"

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
  void receive(Timestamp now, WorkerId, const protocol::OutputChunk&);
  void lose(WorkerId);  // what it had not sent will not come
  void advance(Timestamp now);
  std::vector<PublicationEnd> take_ends();
  bool is_idle() const { return jobs_.empty(); }
  // What was asked for and has not come: what arrives unread is a part of it.
  std::uint64_t held_bytes() const { return held_bytes_; }

 private:
  struct Part {
    std::uint32_t output_index;
    std::uint64_t offset_bytes, length_bytes;
  };
  struct Job {
    Job(Timestamp now, WorkerId from, const Action& action, const Attestation& attested)
        : worker(from), attestation(attested), staging(attestation, action.view_roots), last_progress(now), last_asked(now) {}
    WorkerId worker;
    Attestation attestation;
    artifacts::Staging staging;
    std::deque<Part> waiting, asked;  // in the order of the outputs
    Timestamp last_progress, last_asked;
    std::uint64_t bytes = 0;  // of its files
  };
  struct Line {  // of one worker
    std::deque<LeaseId> wanting;  // results with parts to ask for, oldest first
    std::uint64_t held_bytes = 0;
  };
  bool may_ask(const Line&) const;
  void ask_more(Timestamp now);
  void ask_for(const Job&, LeaseId, const Part&) const;
  void hold(WorkerId, std::int64_t more_bytes);
  void forget(std::map<LeaseId, Job>::iterator);
  void end(LeaseId, const Result<void>& published, std::uint64_t bytes);
  void fail(LeaseId, OutcomeClass, const std::string& reason);

  DigestCache& digests_;
  Ask ask_;
  std::uint64_t credit_bytes_;
  std::map<LeaseId, Job> jobs_;
  std::map<WorkerId, Line> lines_;  // of workers that a job is of
  std::uint64_t held_bytes_ = 0;
  std::vector<PublicationEnd> ends_;
};

}  // namespace extfarm
