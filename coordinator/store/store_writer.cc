#include "coordinator/store/store_writer.h"

#include <fstream>
#include <iterator>
#include <optional>
#include <vector>

namespace extfarm::store {
namespace {

// nullopt when an output is no longer what the result says.
std::optional<std::vector<std::string>> contents_of(const StoredResult& result) {
  std::vector<std::string> out(result.outputs.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto& output = result.outputs[i];
    if (output.kind != OutputKind::kFile) continue;
    std::ifstream file(output.path, std::ios::binary);
    out[i].assign(std::istreambuf_iterator<char>(file), {});
    if (out[i].size() != output.size_bytes || digest_of(out[i]) != output.digest) return std::nullopt;
  }
  return out;
}

}  // namespace

StoreWriter::StoreWriter(std::unique_ptr<Store> store) : store_(std::move(store)), thread_([this] { run(); }) {}

StoreWriter::~StoreWriter() {
  {
    const std::lock_guard lock(mutex_);
    waiting_.clear();
    is_ending_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void StoreWriter::add(const Digest& command_key, StoredResult result) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.emplace_back(command_key, std::move(result));
  }
  changed_.notify_one();
}

void StoreWriter::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    if (outcome_) keep(next);
  }
}

void StoreWriter::keep(const Waiting& next) {
  const auto contents = contents_of(next.second);
  if (!contents) return;
  outcome_ = store_->add(next.first, next.second, *contents);
  if (outcome_) ++stored_count_;
}

Result<void> StoreWriter::finish() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
  if (stored_count_ > 0) {
    if (const auto trimmed = store_->trim_when_due(); outcome_ && !trimmed) outcome_ = trimmed;
  }
  return outcome_;
}

}  // namespace extfarm::store
