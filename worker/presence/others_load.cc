#include "worker/presence/others_load.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "common/process/process_tree.h"

namespace extfarm {
namespace {

double seconds_of(const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); }

// Of one living process and the children that it has waited for.
struct Used {
  double user = 0, system = 0;
};

Used used_by(int pid, double ticks_per_second) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto name_end = text.rfind(')');  // the name itself may hold some
  if (name_end == std::string::npos) return {};
  std::istringstream in(text.substr(name_end + 1));
  std::string rest;
  for (int field = 3; field < 14; ++field) in >> rest;
  double user = 0, system = 0, of_children_user = 0, of_children_system = 0;
  if (!(in >> user >> system >> of_children_user >> of_children_system)) return {};
  return {(user + of_children_user) / ticks_per_second, (system + of_children_system) / ticks_per_second};
}

}  // namespace

std::optional<OthersLoad::Spent> OthersLoad::spent() const {
  const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::ifstream in("/proc/stat");
  std::string name;
  double user = 0, niced = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, soft_interrupts = 0;
  if (!(in >> name >> user >> niced >> system >> idle >> waiting >> interrupts >> soft_interrupts) || name != "cpu")
    return std::nullopt;
  Spent out;
  out.all = (user + system + interrupts + soft_interrupts) / ticks_per_second;
  rusage self{}, children{};
  ::getrusage(RUSAGE_SELF, &self);
  ::getrusage(RUSAGE_CHILDREN, &children);
  out.ours = seconds_of(self.ru_utime) + seconds_of(self.ru_stime) + seconds_of(children.ru_stime) +
             (attempts_are_niced_ ? 0 : seconds_of(children.ru_utime));
  for (const int pid : descendants_of(::getpid())) {
    const Used used = used_by(pid, ticks_per_second);
    out.ours += used.system + (attempts_are_niced_ ? 0 : used.user);
  }
  return out;
}

double OthersLoad::look(Timestamp now) {
  const auto after = spent();
  const double elapsed = seconds(now - looked_at_);
  double busy = 0;
  if (before_ && after && elapsed > 0) busy = (after->all - before_->all - after->ours + before_->ours) / elapsed;
  before_ = after;
  looked_at_ = now;
  return busy;
}

}  // namespace extfarm
