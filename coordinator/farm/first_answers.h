// Whether a worker that has not spoken yet may still say that it has a
// toolchain: one that was just started, or one that was asked and is looking.
// So a slow start is not taken for nobody being there.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/base/digest.h"
#include "common/base/strong_id.h"
#include "common/base/timestamp.h"

namespace extfarm {

class FirstAnswers {
 public:
  // This host's own worker was started; it has joined, or it will not.
  void expect_own_worker(Timestamp now) { own_worker_until_ = now + kLongest; }
  void own_worker_is_decided() { own_worker_until_.reset(); }
  bool awaits_own_worker(Timestamp now) const { return own_worker_until_ && now < *own_worker_until_; }
  // Asking again prolongs nothing.
  void asked(Timestamp now, WorkerId worker, const Digest& toolchain) {
    questions_.try_emplace({toolchain, worker}, now + kLongest);
  }
  void answered(WorkerId worker, const Digest& toolchain, bool has_it) {
    questions_.erase({toolchain, worker});
    if (has_it) known_.insert(toolchain);
  }
  void lost(WorkerId worker) {
    std::erase_if(questions_, [&](const auto& question) { return question.first.second == worker; });
  }
  // Not once some worker has said yes: what then becomes of it is the scheduler's to decide.
  bool may_come(Timestamp now, const Digest& toolchain) const {
    if (known_.contains(toolchain)) return false;
    if (awaits_own_worker(now)) return true;
    for (auto it = questions_.lower_bound({toolchain, WorkerId{}}); it != questions_.end(); ++it) {
      if (it->first.first != toolchain) break;
      if (now < it->second) return true;
    }
    return false;
  }

 private:
  // Far longer than a loaded host takes to start a program and hash a compiler.
  static constexpr Duration kLongest = std::chrono::seconds(30);
  std::optional<Timestamp> own_worker_until_;
  std::map<std::pair<Digest, WorkerId>, Timestamp> questions_;
  std::set<Digest> known_;
};

}  // namespace extfarm
