#include "coordinator/shell/jobs_for_command.h"

#include <algorithm>

namespace extfarm {

Result<std::unique_ptr<JobsForCommand>> JobsForCommand::open(Farm& farm, std::size_t local_steps,
                                                             std::size_t core_count, JobsPolicy policy) {
  auto tokens = Jobserver::open();
  if (!tokens) return tl::unexpected(tokens.error());
  const auto most = std::max(local_steps, std::min(policy.most_jobs, policy.most_jobs_per_core * core_count));
  farm.set_most_jobs(most);
  std::unique_ptr<JobsForCommand> out(new JobsForCommand(farm, local_steps, most, std::move(*tokens)));
  out->follow();
  return out;
}

void JobsForCommand::follow() {
  const auto at_the_farm = std::min(farm_.steps_at_the_farm(), farm_.usable_slots());
  tokens_->allow(std::min(most_jobs_, local_steps_ + at_the_farm));
}

}  // namespace extfarm
