// Which desktops tell logind that nobody uses them.  Asks over D-Bus, in a
// thread of its own: an answer that is late holds nobody up.
#pragma once

#include <memory>
#include <set>
#include <string>

namespace extfarm {

class DesktopIdle {
 public:
  DesktopIdle();
  ~DesktopIdle();
  DesktopIdle(const DesktopIdle&) = delete;
  DesktopIdle& operator=(const DesktopIdle&) = delete;
  // From now on these of logind's sessions are asked for, four times a second.
  void watch(std::set<std::string> sessions);
  // Those that have said within the last second that they are idle; of which nothing is known are not among them.
  std::set<std::string> idle() const;

 private:
  struct Asked;
  static void keep_asking(const std::shared_ptr<Asked>&);

  std::shared_ptr<Asked> asked_;  // the thread's too, which may outlive this object while the bus is silent
  bool has_thread_ = false;
};

}  // namespace extfarm
