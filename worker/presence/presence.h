// What a courteous worker has to know of its machine: who is logged in, what
// else keeps it busy, what day and time it is.  Judges nothing.
#pragma once

#include <string>

#include "common/base/result.h"
#include "worker/presence/desktop_idle.h"
#include "worker/presence/logind.h"
#include "worker/presence/others_load.h"
#include "worker/session/courtesy.h"

namespace extfarm {

struct PresenceSettings {
  bool looks_for_people = false, looks_at_load = false;
  bool attempts_are_niced = true;
  std::string utmp;  // a file to be asked alone; empty: logind and utmp of this machine
};

class Presence {
 public:
  explicit Presence(PresenceSettings settings) : settings_(std::move(settings)), load_(settings_.attempts_are_niced) {}
  // Whether it can be told who is logged in, if that is asked for; if not, what to do.
  Result<void> check();
  session::MachineSeen look(Timestamp now);

 private:
  void look_for_people(session::MachineSeen&);

  const PresenceSettings settings_;
  OthersLoad load_;
  DesktopIdle desktops_;
  UserNames names_;
};

}  // namespace extfarm
