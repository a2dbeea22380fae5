#include "coordinator/farm/publication.h"

#include <algorithm>

#include "common/base/check.h"
#include "coordinator/artifacts/artifacts.h"

namespace extfarm {
namespace {

// Chunks under way from each worker: hides the round trip, and as long as few workers send, what
// has come is still in the processor's cache when it is written.
constexpr std::uint64_t kWindowBytes = 4 * protocol::kChunkBytes;
constexpr std::uint64_t kLargestResultBytes = 4ull << 30;
constexpr Duration kAskAgainAfter = std::chrono::seconds(2);
constexpr Duration kGiveUpAfter = std::chrono::seconds(15);  // without a single chunk

}  // namespace

void Publications::fail(LeaseId lease, OutcomeClass failure, const std::string& reason) {
  if (const auto it = jobs_.find(lease); it != jobs_.end()) forget(it);
  ends_.push_back({lease, failure, reason});
}

void Publications::forget(std::map<LeaseId, Job>::iterator it) {
  const auto& [lease, job] = *it;
  for (const auto& part : job.asked) hold(job.worker, -static_cast<std::int64_t>(part.length_bytes));
  std::erase(lines_[job.worker].wanting, lease);
  jobs_.erase(it);
}

void Publications::hold(WorkerId worker, std::int64_t more_bytes) {
  held_bytes_ += static_cast<std::uint64_t>(more_bytes);
  lines_[worker].held_bytes += static_cast<std::uint64_t>(more_bytes);
}

void Publications::begin(Timestamp now, WorkerId worker, const Action& action,
                         const protocol::Report& report) {
  const auto& attestation = report.outcome.attestation;
  const auto& outputs = attestation.outputs;
  std::uint64_t total = 0;
  for (const auto& output : outputs) {
    if (output.size_bytes > kLargestResultBytes || (total += output.size_bytes) > kLargestResultBytes) {
      return fail(report.lease, OutcomeClass::kInfrastructure, "its outputs are larger than 4 GiB");
    }
  }
  if (const auto allowed = artifacts::check_outputs(attestation, action.view_roots); !allowed) {
    return fail(report.lease, OutcomeClass::kInfrastructure, allowed.error().message);
  }
  if (const auto same = artifacts::check_inputs(attestation, digests_); !same) {
    return fail(report.lease, OutcomeClass::kInputsDiffer, same.error().message);
  }
  if (report.inline_outputs.size() == outputs.size())
    return end(report.lease, artifacts::publish(attestation, report.inline_outputs, action.view_roots), total);
  const auto [it, is_new] = jobs_.try_emplace(report.lease, now, worker, action, attestation);
  FARM_CHECK(is_new);
  Job& job = it->second;
  for (std::uint32_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].kind != OutputKind::kFile) continue;
    job.bytes += outputs[i].size_bytes;
    for (std::uint64_t offset = 0; offset < outputs[i].size_bytes; offset += protocol::kChunkBytes) {
      job.waiting.push_back({i, offset, std::min(protocol::kChunkBytes, outputs[i].size_bytes - offset)});
    }
  }
  if (job.waiting.empty()) return end(report.lease, job.staging.publish(), job.bytes);
  lines_[worker].wanting.push_back(report.lease);
  ask_more(now);
}

// One part is let through in any case: it may be larger than what is allowed.
bool Publications::may_ask(const Line& line) const {
  if (line.wanting.empty()) return false;
  const std::uint64_t more = jobs_.at(line.wanting.front()).waiting.front().length_bytes;
  return (line.held_bytes == 0 || line.held_bytes + more <= kWindowBytes) &&
         (held_bytes_ == 0 || held_bytes_ + more <= credit_bytes_);
}

// Of the workers that may be asked, the one whose lease is the oldest.
void Publications::ask_more(Timestamp now) {
  for (;;) {
    Line* next = nullptr;
    for (auto& [worker, line] : lines_) {
      if (may_ask(line) && (next == nullptr || line.wanting.front() < next->wanting.front())) next = &line;
    }
    if (next == nullptr) return;
    const LeaseId lease = next->wanting.front();
    Job& job = jobs_.at(lease);
    if (job.asked.empty()) job.last_progress = now;  // before, nothing was to come
    job.last_asked = now;
    job.asked.push_back(job.waiting.front());
    job.waiting.pop_front();
    if (job.waiting.empty()) next->wanting.pop_front();
    hold(job.worker, static_cast<std::int64_t>(job.asked.back().length_bytes));
    ask_for(job, lease, job.asked.back());
  }
}

void Publications::ask_for(const Job& job, LeaseId lease, const Part& part) const {
  ask_(job.worker, {lease, part.output_index, part.offset_bytes, part.length_bytes});
}

// Parts are answered in the order in which they were asked for.  What is not the next one answers
// a question asked twice, or comes behind one that was lost: both are asked for again.
void Publications::receive(Timestamp now, WorkerId worker, const protocol::OutputChunk& chunk) {
  const auto it = jobs_.find(chunk.lease);
  if (it == jobs_.end() || it->second.worker != worker || it->second.asked.empty()) return;
  Job& job = it->second;
  const Part& next = job.asked.front();
  if (next.output_index != chunk.output_index || next.offset_bytes != chunk.offset_bytes) return;
  if (!chunk.found || chunk.bytes.size() != next.length_bytes)
    return fail(chunk.lease, OutcomeClass::kInfrastructure, "the worker no longer has its outputs");
  if (const auto added = job.staging.add(chunk.output_index, chunk.bytes); !added)
    return end(chunk.lease, added, 0);
  hold(worker, -static_cast<std::int64_t>(next.length_bytes));
  job.asked.pop_front();
  job.last_progress = now;
  if (job.asked.empty() && job.waiting.empty()) end(chunk.lease, job.staging.publish(), job.bytes);
  ask_more(now);
}

void Publications::end(LeaseId lease, const Result<void>& published, std::uint64_t bytes) {
  if (!published) {
    fail(lease, OutcomeClass::kInfrastructure, published.error().message);
    ends_.back().is_this_hosts_fault = published.error().code == ErrorCode::kIo;
    return;
  }
  if (const auto it = jobs_.find(lease); it != jobs_.end()) forget(it);
  ends_.push_back({lease, std::nullopt, "", bytes});
}

void Publications::lose(WorkerId worker) {
  std::vector<LeaseId> lost;
  for (const auto& [lease, job] : jobs_) {
    if (job.worker == worker) lost.push_back(lease);
  }
  for (const auto lease : lost)
    fail(lease, OutcomeClass::kInfrastructure, "its worker was lost before it had sent the result");
  lines_.erase(worker);
}

void Publications::advance(Timestamp now) {
  std::vector<LeaseId> silent;
  for (auto& [lease, job] : jobs_) {
    if (job.asked.empty()) continue;  // its turn has not come
    if (now - job.last_progress >= kGiveUpAfter) {
      silent.push_back(lease);
    } else if (now - std::max(job.last_asked, job.last_progress) >= kAskAgainAfter) {
      for (const auto& part : job.asked) ask_for(job, lease, part);
      job.last_asked = now;
    }
  }
  for (const auto lease : silent)
    fail(lease, OutcomeClass::kInfrastructure, "its worker stopped sending the result");
  ask_more(now);
}

std::vector<PublicationEnd> Publications::take_ends() { return std::exchange(ends_, {}); }

}  // namespace extfarm
