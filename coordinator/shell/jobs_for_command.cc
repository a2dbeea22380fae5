#include "coordinator/shell/jobs_for_command.h"

#include <algorithm>

#include "coordinator/shell/busy_steps.h"
#include "coordinator/shell/embedded_worker.h"

namespace extfarm {
namespace {

// make starts the next step within a few milliseconds, or does not.
constexpr Duration kLookAgainAfter = std::chrono::milliseconds(20);

}  // namespace

Result<std::unique_ptr<JobsForCommand>> JobsForCommand::open(Farm& farm, std::size_t local_steps,
                                                             std::size_t core_count,
                                                             std::unique_ptr<OuterJobserver> outer, JobsPolicy policy) {
  auto tokens = Jobserver::open();
  if (!tokens) return tl::unexpected(tokens.error());
  const auto most = std::max(local_steps, std::min(policy.most_jobs, policy.most_jobs_per_core * core_count));
  farm.set_most_jobs(most);
  std::unique_ptr<JobsForCommand> out(new JobsForCommand(farm, local_steps, most, std::move(*tokens), std::move(outer)));
  out->set_tokens();
  return out;
}

void JobsForCommand::set_tokens() {
  const auto at_the_farm = std::min(farm_.steps_at_the_farm(), farm_.usable_slots());
  const auto local_steps = outer_ ? share_with_outer() : local_steps_;
  tokens_->allow(std::min(most_jobs_, local_steps + at_the_farm));
}

std::size_t JobsForCommand::share_with_outer() {
  const auto under_way = tokens_->jobs_under_way(), runs = farm_.running_on_own_worker();
  const auto steps = under_way - std::min(under_way, farm_.steps_at_the_farm());
  const auto in_use = std::max<std::size_t>(steps + runs, 1);
  const auto wanted = std::max(in_use, std::min(local_steps_, in_use + farm_.not_yet_running()));
  const auto room = 1 + outer_->hold(wanted - 1);
  wants_outer_token_ = room < wanted;
  // At least one of either: each may be what the other waits for.
  farm_.limit_own_worker(static_cast<std::uint32_t>(std::max<std::size_t>(room - std::min(room, steps), 1)));
  farm_.allow_local_steps(room);
  return std::max<std::size_t>(room - std::min(room, runs), 1);
}

std::size_t JobsForCommand::room_for_answers(Timestamp now, int command_pid) {
  const auto waiting = farm_.steps_at_the_farm();
  // Those beyond the slots had no token of their own.
  const auto room = local_steps_ + waiting - std::min(waiting, farm_.usable_slots());
  const auto taken = std::min(room, tokens_->owed_count());
  if (taken < room || farm_.held_answers() == 0) {
    next_look_.reset();
    busy_count_ = 2 * local_steps_;
    return room - taken;
  }
  if (!next_look_) next_look_ = now + kLookAgainAfter;
  if (now < *next_look_) return 0;
  next_look_ = now + kLookAgainAfter;
  // Twice alike: one may fall between the end of a step and the start of the next.
  const auto before = std::exchange(busy_count_, busy_step_count(command_pid, program_folder() + "/extfarm-cc"));
  return 2 * local_steps_ - std::min(2 * local_steps_, std::max(before, busy_count_));
}

void JobsForCommand::follow(Timestamp now, int command_pid) {
  set_tokens();
  farm_.allow_answers(room_for_answers(now, command_pid));
  set_tokens();
}

}  // namespace extfarm
