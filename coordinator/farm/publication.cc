#include "coordinator/farm/publication.h"

#include <algorithm>

#include "coordinator/artifacts/artifacts.h"

namespace extfarm {
namespace {

constexpr std::size_t kWindow = 4;  // chunks under way per result: hides the round trip
constexpr std::uint64_t kLargestResultBytes = 4ull << 30;
constexpr Duration kAskAgainAfter = std::chrono::seconds(2);
constexpr Duration kGiveUpAfter = std::chrono::seconds(15);  // without a single chunk

}  // namespace

void Publications::fail(LeaseId lease, OutcomeClass failure, const std::string& reason) {
  if (const auto it = jobs_.find(lease); it != jobs_.end()) forget(it);
  ends_.push_back({lease, failure, reason});
}

void Publications::forget(std::map<LeaseId, Job>::iterator it) {
  if (it->second.has_credit)
    held_bytes_ -= it->second.bytes;
  else
    std::erase(without_credit_, it->first);
  jobs_.erase(it);
}

void Publications::begin(Timestamp now, WorkerId worker, const Action& action,
                         const protocol::Report& report) {
  Job job;
  job.worker = worker;
  job.view_roots = action.view_roots;
  job.attestation = report.outcome.attestation;
  job.last_progress = job.last_asked = now;
  const auto& outputs = job.attestation.outputs;
  std::uint64_t total = 0;
  for (const auto& output : outputs) {
    if (output.size_bytes > kLargestResultBytes || (total += output.size_bytes) > kLargestResultBytes) {
      return fail(report.lease, OutcomeClass::kInfrastructure, "its outputs are larger than 4 GiB");
    }
  }
  if (const auto allowed = artifacts::check_outputs(job.attestation, job.view_roots); !allowed) {
    return fail(report.lease, OutcomeClass::kInfrastructure, allowed.error().message);
  }
  if (const auto same = artifacts::check_inputs(job.attestation, digests_); !same) {
    return fail(report.lease, OutcomeClass::kInputsDiffer, same.error().message);
  }
  if (report.inline_outputs.size() == outputs.size()) {
    job.contents = report.inline_outputs;
  } else {
    job.contents.resize(outputs.size());
    job.bytes = total;
    for (std::uint32_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].kind != OutputKind::kFile) continue;
      for (std::uint64_t offset = 0; offset < outputs[i].size_bytes; offset += protocol::kChunkBytes) {
        job.waiting.push_back({i, offset, std::min(protocol::kChunkBytes, outputs[i].size_bytes - offset)});
      }
    }
  }
  const bool is_whole = job.waiting.empty();
  auto& kept = jobs_[report.lease] = std::move(job);
  if (is_whole) return finish(report.lease, kept);
  without_credit_.push_back(report.lease);
  give_credit(now);
}

// The oldest first; one that is larger than the credit has it for itself.
void Publications::give_credit(Timestamp now) {
  while (!without_credit_.empty()) {
    const LeaseId lease = without_credit_.front();
    Job& job = jobs_.at(lease);
    if (held_bytes_ > 0 && held_bytes_ + job.bytes > credit_bytes_) return;
    without_credit_.pop_front();
    held_bytes_ += job.bytes;
    job.has_credit = true;
    job.last_progress = job.last_asked = now;
    const auto& outputs = job.attestation.outputs;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].kind == OutputKind::kFile) job.contents[i].resize(outputs[i].size_bytes);
    }
    ask_more(now, lease, job);
  }
}

void Publications::ask_more(Timestamp now, LeaseId lease, Job& job) {
  while (!job.waiting.empty() && job.asked.size() < kWindow) {
    job.asked.push_back(job.waiting.front());
    job.waiting.pop_front();
    const auto& part = job.asked.back();
    ask_(job.worker, {lease, part.output_index, part.offset_bytes, part.length_bytes});
    job.last_asked = now;
  }
}

void Publications::receive(Timestamp now, WorkerId worker, protocol::OutputChunk chunk) {
  const auto it = jobs_.find(chunk.lease);
  if (it == jobs_.end() || it->second.worker != worker) return;
  Job& job = it->second;
  const auto part = std::find_if(job.asked.begin(), job.asked.end(), [&](const Part& asked) {
    return asked.output_index == chunk.output_index && asked.offset_bytes == chunk.offset_bytes;
  });
  if (part == job.asked.end()) return;  // the answer to a question asked twice
  if (!chunk.found || chunk.bytes.size() != part->length_bytes) {
    return fail(chunk.lease, OutcomeClass::kInfrastructure, "the worker no longer has its outputs");
  }
  chunk.bytes.copy(job.contents[chunk.output_index].data() + chunk.offset_bytes, chunk.bytes.size());
  job.asked.erase(part);
  job.last_progress = now;
  ask_more(now, chunk.lease, job);
  if (job.asked.empty() && job.waiting.empty()) finish(chunk.lease, job);
  give_credit(now);
}

void Publications::finish(LeaseId lease, Job& job) {
  const auto published = artifacts::publish(job.attestation, job.contents, job.view_roots);
  if (!published) {
    fail(lease, OutcomeClass::kInfrastructure, published.error().message);
    ends_.back().is_this_hosts_fault = published.error().code == ErrorCode::kIo;
    return;
  }
  PublicationEnd end{lease, std::nullopt, ""};
  for (const auto& content : job.contents) end.bytes_returned += content.size();
  forget(jobs_.find(lease));
  ends_.push_back(end);
}

void Publications::lose(WorkerId worker) {
  std::vector<LeaseId> lost;
  for (const auto& [lease, job] : jobs_) {
    if (job.worker == worker) lost.push_back(lease);
  }
  for (const auto lease : lost)
    fail(lease, OutcomeClass::kInfrastructure, "its worker was lost before it had sent the result");
}

void Publications::advance(Timestamp now) {
  std::vector<LeaseId> silent;
  for (auto& [lease, job] : jobs_) {
    if (!job.has_credit) continue;
    if (now - job.last_progress >= kGiveUpAfter) {
      silent.push_back(lease);
    } else if (now - std::max(job.last_asked, job.last_progress) >= kAskAgainAfter) {
      for (const auto& part : job.asked)
        ask_(job.worker, {lease, part.output_index, part.offset_bytes, part.length_bytes});
      job.last_asked = now;
    }
  }
  for (const auto lease : silent)
    fail(lease, OutcomeClass::kInfrastructure, "its worker stopped sending the result");
  give_credit(now);
}

std::vector<PublicationEnd> Publications::take_ends() { return std::exchange(ends_, {}); }

}  // namespace extfarm
